"""Direct reconstruction and the paper's Algorithms 1 and 2 (section 3), and what lies between and beyond: one signature.

restore(x_s, s, start) -> x0_hat is any callable (the network, R in the paper); s and start are LongTensors (B,): the severity of x_s,
and the one that the sampler started from, so that a network knows what of x_s was measured and what predictions wrote.
degrade(x0, s) -> x_s is D with its randomness drawn. x_T is float32 (B, C, H, W). T is the severity of x_T (default: degrade.T), or
the decreasing severities to visit, such as [40, 20, 3, 2, 1], to skip steps. No sampler but `consistent` clamps: scores clamp the
final image once.

Algorithm 2 adds T small differences to x_T, so it keeps x_s in float64: in float32 their rounding adds up to a multiple of x_T's own, and
on blurred images, where the network reads details of that size, it would spoil the result. The network still sees x_T's own precision.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from itertools import pairwise
from operator import index

import torch
from torch import Tensor, nn

Restore = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Trajectory:
    """Every state of one sampling: x = [x_T, ..., x_0] has one entry more than x0_hat; x0_hat[k] was predicted from x[k],
    whose severity is severities[k]."""

    x: list[Tensor]
    severities: list[int] = field(default_factory=list)
    x0_hat: list[Tensor] = field(default_factory=list)

    @property
    def result(self) -> Tensor:
        return self.x[-1]


def direct(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
    """One pass: x_0 = R(x_T, T). Returns x_0 (B, C, H, W), or its Trajectory of one step."""
    def update(x_s, x0_hat, s, s_next):
        return x0_hat
    return _sample(update, restore, x_T, severities(degrade, T)[:1], trajectory)


def algorithm1(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
    """Naive sampling: x_{s-1} = D(x0_hat, s - 1). Returns x_0 (B, C, H, W), or its Trajectory."""
    def update(x_s, x0_hat, s, s_next):
        return degrade(x0_hat, s_next)
    return _sample(update, restore, x_T, severities(degrade, T), trajectory)


def algorithm2(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
    """Improved sampling: x_{s-1} = x_s - D(x0_hat, s) + D(x0_hat, s - 1). Returns x_0 (B, C, H, W), or its Trajectory."""
    def update(x_s, x0_hat, s, s_next):
        x0_hat = x0_hat.double()
        return x_s - degrade(x0_hat, s) + degrade(x0_hat, s_next)
    return _sample(update, restore, x_T, severities(degrade, T), trajectory)


def between(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False, keep: float = 0.5):
    """x_{s-1} = D(x0_hat, s - 1) + keep * (x_s - D(x0_hat, s)): keep = 0 is Algorithm 1, keep = 1 Algorithm 2."""
    def update(x_s, x0_hat, s, s_next):
        x0_hat = x0_hat.double()
        return degrade(x0_hat, s_next) + keep * (x_s - degrade(x0_hat, s))
    return _sample(update, restore, x_T, severities(degrade, T), trajectory)


def mixed(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False, share: float = 0.5):
    """share * Algorithm 2 + (1 - share) * direct, which is Algorithm 2's first prediction and so costs no call. A Trajectory is that of
    Algorithm 2, its last state the mix."""
    path = algorithm2(restore, degrade, x_T, T, trajectory=True)
    path.x[-1] = path.x0_hat[0].lerp(path.result, share)
    return path if trajectory else path.result


def ddim(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
    """x_{s-1} = D(x0_hat, s - 1) with the noise that explains x_s: for a `degrade` that has `estimate`, such as more_degradations.Noise."""
    def update(x_s, x0_hat, s, s_next):
        return degrade.estimate(x_s, x0_hat, s)(x0_hat, s_next)
    return _sample(update, restore, x_T, severities(degrade, T), trajectory)


def consistent(sampler: Callable, measurement: str = "float32") -> Callable:
    """The sampler with every prediction clamped to [-1, 1] and then made to agree with x_T, by `degrade.project`. It assumes that x_T is
    D(x0, T) as exactly as `measurement` ("float32" or "8bit") says. restore must be in eval mode."""
    def sample(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
        measured_at = severities(degrade, T)[0]

        def agreeing(x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
            return degrade.project(restore(x_s, s, start).clamp(-1, 1), x_T, measured_at, measurement)
        return sampler(agreeing, degrade, x_T, T, trajectory)
    return sample


def mirrored(sampler: Callable) -> Callable:
    """The sampler with every prediction the mean of that for x_s and of that for its mirror image, mirrored back: two calls for one. It
    assumes a D that treats left and right alike, and images whose mirror images are as likely: photographs, not digits. restore must be
    in eval mode."""
    def sample(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
        def both(x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
            return (restore(x_s, s, start) + restore(x_s.flip(-1), s, start).flip(-1)) / 2
        return sampler(both, degrade, x_T, T, trajectory)
    return sample


SAMPLERS = {"direct": direct, "algorithm1": algorithm1, "algorithm2": algorithm2}


def severities(degrade, T: int | Sequence[int] | None) -> list[int]:
    """The severities s at which the network is asked, first to last. Raises ValueError unless they fall within degrade.T..1."""
    asked = degrade.T if T is None else T
    try:
        visited = [index(s) for s in asked] if isinstance(asked, Sequence) else list(range(index(asked), 0, -1))
    except TypeError:
        visited = []
    if not visited or not all(1 <= s <= degrade.T for s in visited) or any(a <= b for a, b in pairwise(visited)):
        raise ValueError(f"T = {T!r}: give a severity in 1..{degrade.T}, or falling severities within it such as [{degrade.T}, 1]")
    return visited


def check_restore(restore: Restore) -> None:
    """Raise ValueError for a restorer that cannot be told where the sampler started."""
    try:
        signature(restore.forward if isinstance(restore, nn.Module) else restore).bind("x_s", "s", "start")
    except TypeError:
        raise ValueError("a restorer takes three arguments, restore(x_s, s, start): add start, the severity that the sampler "
                         "started from, and hand it on to the network inside, if there is one") from None
    except ValueError:  # some callables do not show what they take
        return


@torch.no_grad()
def _sample(update: Callable, restore: Restore, x_T: Tensor, visited: list[int], trajectory: bool):
    if not isinstance(x_T, Tensor) or x_T.ndim != 4:
        shape = tuple(x_T.shape) if isinstance(x_T, Tensor) else type(x_T).__name__
        raise ValueError(f"x_T is {shape}: give degraded images as a tensor (B, C, H, W)")
    check_restore(restore)
    modules = restore.modules() if isinstance(restore, nn.Module) else ()
    training = [module for module in modules if module.training]  # a wrapper's own mode may differ from its network's
    for module in training:
        module.training = False
    record, x_s = Trajectory(x=[x_T]), x_T.double()
    start = torch.full((len(x_T),), visited[0], device=x_T.device)
    try:
        for s, s_next in zip(visited, [*visited[1:], 0]):
            x0_hat = restore(x_s.to(x_T.dtype), torch.full_like(start, s), start)
            x_s = update(x_s, x0_hat, s, s_next)
            if trajectory:
                record.severities.append(s)
                record.x0_hat.append(x0_hat)
                record.x.append(x_s.to(x_T.dtype))
    finally:
        for module in training:
            module.training = True
    return record if trajectory else x_s.to(x_T.dtype)

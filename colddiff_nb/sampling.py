"""Direct reconstruction and the paper's Algorithms 1 and 2 (section 3), with one signature; samplers.py has what lies beyond.

restore(x_s, s, start) -> x0_hat is any callable (the network, R in the paper); s and start are LongTensors (B,): the severity of x_s,
and the one that the sampler started from, so that a network knows what of x_s was measured and what predictions wrote.
degrade(x0, s) -> x_s is D with its randomness drawn. x_T is float32 (B, C, H, W). T is the severity of x_T (default: degrade.T), or
the decreasing severities to visit, such as [40, 20, 3, 2, 1], to skip steps. None of the three clamps: scores clamp the final
image once.

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
    return iterate(update, restore, x_T, severities(degrade, T)[:1], trajectory)


def algorithm1(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
    """Naive sampling: x_{s-1} = D(x0_hat, s - 1). Returns x_0 (B, C, H, W), or its Trajectory."""
    def update(x_s, x0_hat, s, s_next):
        return degrade(x0_hat, s_next)
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


def algorithm2(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
    """Improved sampling: x_{s-1} = x_s - D(x0_hat, s) + D(x0_hat, s - 1). Returns x_0 (B, C, H, W), or its Trajectory."""
    def update(x_s, x0_hat, s, s_next):
        x0_hat = x0_hat.double()
        return x_s - degrade(x0_hat, s) + degrade(x0_hat, s_next)
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


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
def iterate(update: Callable, restore: Restore, x_T: Tensor, visited: list[int], trajectory: bool):
    """Ask restore at each visited severity, and let update(x_s, x0_hat, s, s_next) make the next state in float64."""
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

"""Samplers between and beyond the paper's, called alike: mixtures, DDIM, projection, mirror images."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from colddiff_nb.sampling import Restore, Steps, algorithm2, iterate, severities

Sampler = Callable[..., Any]  # called as those in sampling.py


def between(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False,
            keep: float = 0.5) -> Any:
    """Mix the algorithms: x_{s-1} = D(x0_hat, s - 1) + keep * (x_s - D(x0_hat, s)).

    keep = 0 is Algorithm 1, keep = 1 Algorithm 2.
    """
    def update(x_s: Tensor, x0_hat: Tensor, s: int, s_next: int) -> Tensor:
        x0_hat = x0_hat.double()
        return degrade(x0_hat, s_next) + keep * (x_s - degrade(x0_hat, s))
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


def mixed(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False,
          share: float = 0.5) -> Any:
    """Mix the results: share * Algorithm 2 + (1 - share) * direct, which is its first prediction.

    A Trajectory is that of Algorithm 2, its last state the mix.
    """
    path = algorithm2(restore, degrade, x_T, T, trajectory=True)
    path.x[-1] = path.x0_hat[0].lerp(path.result, share)
    return path if trajectory else path.result


def ddim(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False) -> Any:
    """Estimate the noise anew in each step: x_{s-1} = D(x0_hat, s - 1) with the noise that explains x_s.

    degrade: one that has `estimate`, such as the task "noise", or a draw of it, whose noise is not used.
    """
    D = getattr(degrade, "degrade", degrade)

    def update(x_s: Tensor, x0_hat: Tensor, s: int, s_next: int) -> Tensor:
        return D.estimate(x_s, x0_hat, s)(x0_hat, s_next)
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


def project_onto_measurement(sampler: Sampler, measurement_precision: str = "float32") -> Sampler:
    """Return the sampler with every prediction clamped to [-1, 1] and made to agree with x_T (DDNM).

    It trusts x_T as far as measurement_precision ("float32" or "8bit") says. restore must be in eval mode.
    """
    def sample(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False) -> Any:
        def agreeing(x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
            x0_hat = restore(x_s, s, start).clamp(-1, 1)
            return degrade.project(x0_hat, x_T, start, measurement_precision)
        return sampler(agreeing, degrade, x_T, T, trajectory)
    return sample


def mirrored(sampler: Sampler) -> Sampler:
    """Return the sampler with every prediction the mean of that for x_s and that for its mirror image.

    This takes two calls for one. Left and right must be alike, for D and in the images: photographs, not
    digits. restore must be in eval mode.
    """
    def sample(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False) -> Any:
        def both(x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
            return (restore(x_s, s, start) + restore(x_s.flip(-1), s, start).flip(-1)) / 2
        return sampler(both, degrade, x_T, T, trajectory)
    return sample

"""What lies between and beyond the paper's samplers: mixtures, DDIM, projection, mirror images. All are called as those in sampling.py."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from colddiff_nb.sampling import Restore, algorithm2, iterate, severities


def between(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False, keep: float = 0.5):
    """x_{s-1} = D(x0_hat, s - 1) + keep * (x_s - D(x0_hat, s)): keep = 0 is Algorithm 1, keep = 1 Algorithm 2."""
    def update(x_s, x0_hat, s, s_next):
        x0_hat = x0_hat.double()
        return degrade(x0_hat, s_next) + keep * (x_s - degrade(x0_hat, s))
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


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
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


def project_onto_measurement(sampler: Callable, measurement_precision: str = "float32") -> Callable:
    """The sampler with every prediction clamped to [-1, 1] and then made to agree with x_T, by `degrade.project`. It assumes that x_T is
    D(x0, T) as exactly as `measurement_precision` ("float32" or "8bit") says. restore must be in eval mode."""
    def sample(restore: Restore, degrade, x_T: Tensor, T: int | Sequence[int] | None = None, trajectory: bool = False):
        measured_at = severities(degrade, T)[0]

        def agreeing(x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
            return degrade.project(restore(x_s, s, start).clamp(-1, 1), x_T, measured_at, measurement_precision)
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

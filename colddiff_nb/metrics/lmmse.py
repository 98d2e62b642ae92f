"""The best linear estimator of x0 from x_T (LMMSE): what least squares restores, without any network.

x0_hat = E x0 + Cov(x0, x_T) (Cov(x_T) + noise I)^-1 (x_T - E x_T), one matrix for all images, from the mean
and the covariance of training images. Like a network, it is not told where a mask lies: for masks, both
moments are averages over those that can be drawn.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.data import Images, to_float
from colddiff_nb.degradations import Degradation, measure
from colddiff_nb.degradations.bases import Linear
from colddiff_nb.degradations.tasks import Bicubic, Masks
from colddiff_nb.metrics.frechet import square_root
from colddiff_nb.metrics.scores import rmse

# Tried, times the measured noise variance. That need not be the best: the error is no white noise, and with
# few images the covariance is noisy, so the ridge must be much larger than the rounding error.
FACTORS = tuple(10.0 ** power for power in range(-2, 15))


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance root @ root^T of images in [-1, 1], float64; d = C * H * W."""

    mean: Tensor  # (C, H, W)
    root: Tensor  # (d, d)
    images: dict[str, Any]  # provenance


def statistics(images: Images) -> Statistics:
    """Return the mean and the covariance of images."""
    d = images.pixels[0].numel()
    total, products = torch.zeros(d, dtype=torch.float64), torch.zeros(d, d, dtype=torch.float64)
    for pixels in images.pixels.split(5_000):
        x0 = to_float(pixels).double().flatten(1)  # (B, d)
        total += x0.sum(0)
        products += x0.mT @ x0
    mean = total / len(images)
    root = square_root(products / len(images) - mean.outer(mean))
    return Statistics(mean.view(images.pixels.shape[1:]), root, images.provenance)


class LMMSE:
    """A restorer for x_T alone: restore(x_T, T), or as samplers call it; computed in float64 on the CPU.

    Args:
        data: of the training images.
        noise: variance that the measurement's error is taken to have, see `fit`.

    Raises:
        ValueError: degrade is no blur, pixelation or mask.
    """

    def __init__(self, degrade: Degradation, data: Statistics, noise: float):
        self.T, self.noise, self.mean = degrade.T, noise, data.mean
        self.expected, self.P, self.S, self.modes = _decompose(copy.deepcopy(degrade).cpu(), data)

    def with_noise(self, noise: float) -> LMMSE:
        """Return the estimator for another noise, with the same decomposition."""
        other = copy.copy(self)
        other.noise = noise
        return other

    def __call__(self, x_T: Tensor, t: int | Tensor, start: Tensor | None = None) -> Tensor:
        if not bool((torch.as_tensor(t) == self.T).all()):
            raise ValueError(f"t = {t}: the linear estimator was made for t = {self.T} alone")
        difference = x_T.double().cpu() - self.expected  # (B, C, H, W)
        coefficients = difference.flatten(1) @ self.P * (self.S / (self.S ** 2 + self.noise))
        return (self.mean + (coefficients @ self.modes).view_as(difference)).to(x_T)


def _decompose(degrade: Degradation, data: Statistics) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """E x_T (C, H, W); and P (d, k), S (k,), modes (k, d): Cov(x_T) = P S^2 P^T, Cov(x_T, x0) = P S modes."""
    if isinstance(degrade, Masks) and degrade.random:
        return _decompose_masks(degrade, data)
    if not isinstance(degrade, Linear | Bicubic):
        raise ValueError(f"{degrade.task} has no linear estimator here: choose deblur, superres or inpaint")
    # D is a matrix A. With A root = P S Q^T, modes = Q^T root^T keep the digits that A C A^T would lose.
    images = torch.cat([data.mean[None], data.root.mT.reshape(-1, *data.mean.shape)])  # (d + 1, C, H, W)
    mean, *columns = degrade(images, degrade.T)
    P, S, Qh = torch.linalg.svd(torch.stack(columns).flatten(1).mT)
    kept = S > 1e-14 * S[0]
    return mean, P[:, kept], S[kept], Qh[kept] @ data.root.mT


def _decompose_masks(degrade: Masks, data: Statistics) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for a mask m independent of x0.

    E x_T = E m * E x0, E x_T x_T^T = E m m^T * E x0 x0^T, Cov(x_T, x0) = diag(E m) C.
    """
    centers = degrade.centers()
    masks = degrade.gains_at(torch.full((len(centers),), degrade.T), centers).double()
    masks = masks.expand(-1, len(data.mean), -1, -1).flatten(1)  # (n, d): a mask covers all channels alike
    mean, covariance = data.mean.flatten(), data.root @ data.root.mT
    expected = masks.mean(0) * mean
    products = masks.mT @ masks / len(masks) * (covariance + mean.outer(mean))
    values, P = torch.linalg.eigh(products - expected.outer(expected))
    kept = values > 1e-12 * values[-1]
    S, P = values[kept].sqrt(), P[:, kept]
    return expected.view_as(data.mean), P, S, P.mT @ (masks.mean(0)[:, None] * covariance) / S[:, None]


def fit(degrade: Degradation, data: Statistics, validation: Images,
        measurement_precision: str = "float32") -> tuple[LMMSE, dict[str, float]]:
    """Choose the noise: of the measured variance times FACTORS, that with the least validation RMSE.

    Measured is the mean square of x_T as measured minus the exact D(x0, T), computed in float64.

    Returns:
        The estimator, and a record of the choice.
    """
    x0 = to_float(validation.pixels)
    drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
    x_T = measure(drawn(x0, degrade.T), measurement_precision)
    measured = (x_T - drawn(x0.double(), degrade.T)).square().mean().item()
    estimator = LMMSE(degrade, data, measured)
    scores = {factor: rmse(estimator.with_noise(measured * factor)(x_T, degrade.T), x0) for factor in FACTORS}
    best = min(scores, key=lambda factor: scores[factor])
    record = {"measured_noise": measured, "factor": best, "validation_rmse": scores[best],
              "validation_n": len(x0)}
    return estimator.with_noise(measured * best), record

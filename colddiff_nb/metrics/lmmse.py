"""The best linear estimator of x0 from x_T: what least squares restores, without any network.

x0_hat = E x0 + Cov(x0, x_T) (Cov(x_T) + noise I)^-1 (x_T - E x_T), one matrix for all images, from the mean and the covariance of
training images. Where D is one matrix, as for blur and pixelation, both follow from it; for masks, from the mean and the products of
those that can be drawn: like a network, the estimator is not told where the mask lies.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from colddiff_nb import metrics
from colddiff_nb.data.loading import Images
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.bases import Separable
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.degradations.tasks import Bicubic, Masks, measure

# Tried, times the measured noise variance. What was measured need not be the best: it is no white noise, and a matrix fitted to
# finitely many images wants a firmer hand, by many orders of magnitude where float32 rounds little away.
FACTORS = tuple(10.0 ** power for power in range(-2, 15))


@dataclass(frozen=True)
class Statistics:
    """Mean (C, H, W) and a root (d, d) of the covariance, root @ root^T, of images in [-1, 1], d = C * H * W; float64."""
    mean: Tensor
    root: Tensor
    images: dict[str, Any]  # provenance


def statistics(images: Images) -> Statistics:
    """Return mean and covariance of images, with where they come from."""
    d = images.pixels[0].numel()
    total, products = torch.zeros(d, dtype=torch.float64), torch.zeros(d, d, dtype=torch.float64)
    for pixels in images.pixels.split(5_000):
        x0 = to_float(pixels).double().flatten(1)  # (B, d)
        total += x0.sum(0)
        products += x0.mT @ x0
    mean = total / len(images)
    values, vectors = torch.linalg.eigh(products / len(images) - mean.outer(mean))
    return Statistics(mean.view(images.pixels.shape[1:]), vectors * values.clamp(min=0).sqrt(), images.provenance)


class LMMSE:
    """A restorer for x_T alone: restore(x_T, T), or as samplers call it.

    Computed in float64 on the CPU; returns x_T's dtype and device.

    noise: variance that the measurement's error is taken to have, see `fit`. Raises ValueError for what is no blur, pixelation or mask."""

    def __init__(self, degrade: Degradation, data: Statistics, noise: float):
        self.T, self.noise, self.mean = degrade.T, noise, data.mean
        self.expected, self.P, self.S, self.modes = _decompose(degrade, data)

    def with_noise(self, noise: float) -> LMMSE:
        """Return the same estimator for another noise."""
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
    """E x_T (C, H, W); and P (d, k), S (k,), modes (k, d) with Cov(x_T) = P S^2 P^T and Cov(x_T, x0) = P S modes."""
    degrade = copy.deepcopy(degrade).cpu()
    if isinstance(degrade, Masks) and degrade.random:
        return _decompose_masks(degrade, data)
    if isinstance(degrade, Separable | Bicubic | Masks):
        return _decompose_matrix(degrade, data)
    raise ValueError(f"{degrade.task} has no linear estimator here: choose deblur, superres or inpaint")


def _decompose_matrix(degrade: Degradation, data: Statistics) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """D = A: with A root = P S Q^T, modes = Q^T root^T. This keeps the digits that A C A^T would lose."""
    mean, *columns = degrade(torch.cat([data.mean[None], data.root.mT.reshape(-1, *data.mean.shape)]), degrade.T)  # (d + 1, C, H, W)
    P, S, Qh = torch.linalg.svd(torch.stack(columns).flatten(1).mT)
    kept = S > 1e-14 * S[0]
    return mean, P[:, kept], S[kept], Qh[kept] @ data.root.mT


def _decompose_masks(degrade: Masks, data: Statistics) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The mask m is independent of x0: E x_T = E m * E x0, E x_T x_T^T = E m m^T * E x0 x0^T, Cov(x_T, x0) = diag(E m) C."""
    centers = degrade.centers()
    masks = degrade.gains_at(torch.full((len(centers),), degrade.T), centers).double()
    masks = masks.expand(-1, len(data.mean), -1, -1).flatten(1)  # (n, d): a mask covers all channels alike
    mean, covariance = data.mean.flatten(), data.root @ data.root.mT
    expected = masks.mean(0) * mean
    values, P = torch.linalg.eigh(masks.mT @ masks / len(masks) * (covariance + mean.outer(mean)) - expected.outer(expected))
    kept = values > 1e-12 * values[-1]
    S, P = values[kept].sqrt(), P[:, kept]
    return expected.view_as(data.mean), P, S, P.mT @ (masks.mean(0)[:, None] * covariance) / S[:, None]


def fit(degrade: Degradation, data: Statistics, validation: Images, measurement_precision: str = "float32", start: LMMSE | None = None,
        ) -> tuple[LMMSE, dict[str, float]]:
    """(estimator, record): of the noise variances measured x FACTORS, the one with the least RMSE on the validation images. Measured is
    the mean square of x_T as measured minus the exact D(x0, T), computed in float64.
    start: an estimator of the same degradation and data, whose decomposition is used again."""
    x0, drawn = to_float(validation.pixels), degrade.draw(len(validation), torch.Generator().manual_seed(0))
    x_T = measure(drawn(x0, degrade.T), measurement_precision)
    measured = (x_T - drawn(x0.double(), degrade.T)).square().mean().item()
    estimator = start or LMMSE(degrade, data, measured)
    scores = {factor: metrics.rmse(estimator.with_noise(measured * factor)(x_T, degrade.T), x0) for factor in FACTORS}
    best = min(scores, key=lambda factor: scores[factor])
    record = {"measured_noise": measured, "factor": best, "validation_rmse": scores[best], "validation_n": len(validation)}
    return estimator.with_noise(measured * best), record

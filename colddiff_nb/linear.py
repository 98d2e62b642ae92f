"""The best linear estimator of x0 from x_T: what least squares restores, without any network.

x0_hat = mean + C A^T (A C A^T + noise I)^-1 (x_T - A mean), with mean and covariance C of the training images and A the matrix
of x -> D(x, T). It needs one matrix for all images: blur and pixelation have it, masks (another centre each) do not.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from colddiff_nb import metrics
from colddiff_nb.data import Images, to_float
from colddiff_nb.degradations import Degradation, Separable, measure

FACTORS = (0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)  # tried, times the measured noise variance


@dataclass(frozen=True)
class Statistics:
    """Mean (C, H, W) and a root (d, d) of the covariance, root @ root^T, of images in [-1, 1], d = C * H * W; float64."""
    mean: Tensor
    root: Tensor
    images: dict[str, Any]  # provenance


def statistics(images: Images) -> Statistics:
    d = images.pixels[0].numel()
    total, products = torch.zeros(d, dtype=torch.float64), torch.zeros(d, d, dtype=torch.float64)
    for pixels in images.pixels.split(5_000):
        x0 = to_float(pixels).double().flatten(1)  # (B, d)
        total += x0.sum(0)
        products += x0.mT @ x0
    mean = total / len(images)
    values, vectors = torch.linalg.eigh(products / len(images) - mean.outer(mean))
    return Statistics(mean.view(images.pixels.shape[1:]), vectors * values.clamp(min=0).sqrt(), images.provenance)


class LinearEstimator:
    """A restorer for x_T alone: restore(x_T, T). Computed in float64 on the CPU; returns x_T's dtype and device.

    noise: variance of the measurement's error, see `measured_noise`. Raises ValueError where D is no single matrix. With
    A root = P S Q^T the estimator is root Q S / (S^2 + noise) P^T, which keeps the digits that A C A^T would lose."""

    def __init__(self, degrade: Degradation, data: Statistics, noise: float):
        if not isinstance(degrade, Separable):
            raise ValueError(f"{degrade.task} is no single matrix: the linear estimator is for deblur and superres")
        self.T, self.noise, self.A = degrade.T, noise, degrade.matrices[degrade.T].cpu()
        self.mean = data.mean
        columns = self._degrade(data.root.mT.reshape(-1, *data.mean.shape))  # (d, C, H, W), each a column of `root`
        P, S, Qh = torch.linalg.svd(columns.flatten(1).mT)
        kept = S > 1e-14 * S[0]
        self.P, self.S, self.modes = P[:, kept], S[kept], Qh[kept] @ data.root.mT  # modes (kept, d)

    def _degrade(self, x0: Tensor) -> Tensor:
        return self.A @ x0 @ self.A.mT

    def with_noise(self, noise: float) -> LinearEstimator:
        other = copy.copy(self)
        other.noise = noise
        return other

    def __call__(self, x_T: Tensor, t: int | Tensor) -> Tensor:
        if not bool((torch.as_tensor(t) == self.T).all()):
            raise ValueError(f"t = {t}: the linear estimator was made for t = {self.T} alone")
        difference = x_T.double().cpu() - self._degrade(self.mean)  # (B, C, H, W)
        coefficients = difference.flatten(1) @ self.P * (self.S / (self.S ** 2 + self.noise))
        return (self.mean + (coefficients @ self.modes).view_as(difference)).to(x_T)


def measured_noise(degrade: Separable, images: Images, measurement: str) -> float:
    """Mean square of x_T as measured minus the exact D(x0, T), computed in float64."""
    x0, A = to_float(images.pixels), degrade.matrices[degrade.T]
    return (measure(degrade(x0, degrade.T), measurement) - A @ x0.double() @ A.mT).square().mean().item()


def fit(degrade: Separable, data: Statistics, validation: Images, measurement: str = "float32", start: LinearEstimator | None = None,
        ) -> tuple[LinearEstimator, dict[str, float]]:
    """(estimator, record): of the noise variances measured x FACTORS, the one with the least RMSE on the validation images.
    start: an estimator of the same degradation and data, whose decomposition is used again."""
    measured = measured_noise(degrade, validation, measurement)
    estimator, x0 = start or LinearEstimator(degrade, data, measured), to_float(validation.pixels)
    x_T = measure(degrade(x0, degrade.T), measurement)
    scores = {factor: metrics.rmse(estimator.with_noise(measured * factor)(x_T, degrade.T), x0) for factor in FACTORS}
    best = min(scores, key=lambda factor: scores[factor])
    record = {"measured_noise": measured, "factor": best, "validation_rmse": scores[best], "validation_n": len(validation)}
    return estimator.with_noise(measured * best), record

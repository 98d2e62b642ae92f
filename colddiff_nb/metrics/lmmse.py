"""The best linear estimator of x0 from x_T (LMMSE): what least squares restores, without any network.

x0_hat = E x0 + Cov(x0, x_T) (Cov(x_T) + noise I)^-1 (x_T - E x_T), one matrix for all images, from the mean
and the covariance of training images.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.data import Images, to_float
from colddiff_nb.degradations import Degradation
from colddiff_nb.degradations.bases import Linear
from colddiff_nb.degradations.tasks import Bicubic
from colddiff_nb.metrics.frechet import square_root


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
        noise: variance that the measurement's error is taken to have.

    Raises:
        ValueError: D is random or not linear.
    """

    def __init__(self, degrade: Degradation, data: Statistics, noise: float):
        self.T, self.noise, self.mean = degrade.T, noise, data.mean
        self.expected, self.P, self.S, self.modes = self.decompose(copy.deepcopy(degrade).cpu(), data)

    def decompose(self, degrade: Degradation, data: Statistics) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return E x_T, P (d, k), S (k,), modes (k, d): Cov(x_T) = P S^2 P^T, Cov(x_T, x0) = P S modes."""
        if degrade.random or not isinstance(degrade, Linear | Bicubic):
            raise ValueError(f"{degrade.task} has no linear estimator here: choose deblur or superres")
        # D is a matrix A. With A root = P S Q^T, modes = Q^T root^T keep the digits that A C A^T would lose.
        images = torch.cat([data.mean[None], data.root.mT.reshape(-1, *data.mean.shape)])  # (d + 1, C, H, W)
        mean, *columns = degrade(images, degrade.T)
        P, S, Qh = torch.linalg.svd(torch.stack(columns).flatten(1).mT)
        kept = S > 1e-14 * S[0]
        return mean, P[:, kept], S[kept], Qh[kept] @ data.root.mT

    def with_noise(self, noise: float) -> LMMSE:
        """Return the estimator for another noise, with the same decomposition."""
        other = copy.copy(self)
        other.noise = noise
        return other

    def __call__(self, x_T: Tensor, t: int | Tensor, start: Tensor | None = None) -> Tensor:
        if (torch.as_tensor(t) != self.T).any():
            raise ValueError(f"t = {t}: the linear estimator was made for t = {self.T} alone")
        difference = x_T.double().cpu() - self.expected  # (B, C, H, W)
        coefficients = difference.flatten(1) @ self.P * (self.S / (self.S ** 2 + self.noise))
        return (self.mean + (coefficients @ self.modes).view_as(difference)).to(x_T)

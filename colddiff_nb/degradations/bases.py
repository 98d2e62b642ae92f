"""Linear degradations: D only scales coefficients, in one basis for all severities.

Blur on a ring scales waves, blur with reflected borders scales cosines, pixelation keeps or drops Haar wavelets, a mask scales pixels.
The bases are written down here in closed form. No decomposition is computed, so they are the same on every machine: weights may
store numbers that belong to a coefficient.
"""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.degradations.contract import TRUSTED, Degradation

Basis = tuple[Tensor, Tensor]  # B, whose columns are the basis vectors, and B^-1: (size, size), float64


def waves(size: int) -> tuple[Basis, Tensor]:
    """Return the sines and cosines on a ring of pixels, and the angle per pixel (size,) of each.

    A circular blur scales them."""
    k = (torch.arange(size) + 1) // 2  # 0, 1, 1, 2, 2, ...: a cosine and a sine of each frequency
    angles = 2 * math.pi * k.double() / size
    phases = angles * torch.arange(size).double().unsqueeze(1)  # (pixels, columns)
    sine = (torch.arange(size) % 2 == 0) & (k > 0)
    B = torch.where(sine, phases.sin(), phases.cos())
    B /= B.norm(dim=0)
    return (B, B.mT.contiguous()), angles


def cosines(size: int) -> tuple[Basis, Tensor]:
    """Return the cosines between two mirrors (DCT-I), and the angle per pixel (size,) of each.

    A blur with reflected borders scales them. The mirrors stand on the outer pixels, so B is not orthogonal, but its
    condition number is below 1.5."""
    if size == 1:
        return waves(1)
    angles = math.pi * torch.arange(size, dtype=torch.float64) / (size - 1)
    root = torch.ones(size, dtype=torch.float64)
    root[[0, -1]] = 0.5 ** 0.5  # a mirrored signal holds its outer pixels once, all others twice
    waved = (angles * torch.arange(size).unsqueeze(1)).cos() * (2 / (size - 1)) ** 0.5  # (pixels, columns)
    return (waved * root, root.unsqueeze(1) * waved * root * root), angles


def haar(size: int, levels: int) -> tuple[Basis, Tensor]:
    """Return block means and the differences within blocks (Haar), and a side (size,) of each.

    The largest blocks have 2^levels pixels. Average pooling by up to that side keeps it, by more drops it."""
    columns, sides = [], []
    for level in range(levels, -1, -1):
        half = 2 ** level
        for start in range(0, size, half if level == levels else 2 * half):
            column = torch.zeros(size, dtype=torch.float64)
            column[start:start + half] = 1
            if level < levels:
                column[start + half:start + 2 * half] = -1
            columns.append(column / column.norm())
            sides.append(half)
    B = torch.stack(columns, dim=1)
    return (B, B.mT.contiguous()), torch.tensor(sides)


class Linear(Degradation):
    """A degradation that scales coefficients: analyse(D(x0, t)) = gains_at(t) * analyse(x0).

    Here coefficients are pixels."""

    def gains_at(self, t: Tensor, randomness: Tensor) -> Tensor:
        """What D multiplies each coefficient by: t (B,) -> (B, 1, size, size)."""
        raise NotImplementedError(f"{type(self).__name__} gives no gains_at(t, randomness)")

    def analyse(self, x: Tensor) -> Tensor:
        """The coefficients of images x (B, C, size, size): same shape."""
        return x

    def synthesise(self, c: Tensor) -> Tensor:
        """The images of coefficients c (B, C, size, size)."""
        return c

    def trusted(self, measurement_precision: str) -> float:
        """The smallest absolute gain that `project` divides by."""
        return TRUSTED[measurement_precision]

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        return self.synthesise(self.gains_at(t, randomness) * self.analyse(x0)).to(x0.dtype)

    def project_at(self, x0_hat: Tensor, x_t: Tensor, t: int, randomness: Tensor, measurement_precision: str) -> Tensor:
        gains = self.gains_at(torch.full((len(x_t),), t, device=x_t.device), randomness)
        known = gains.abs() > self.trusted(measurement_precision)
        coefficients = torch.where(known, self.analyse(x_t) / gains.where(known, 1), self.analyse(x0_hat))
        return self.synthesise(coefficients).to(x0_hat.dtype)


class Separable(Linear):
    """D(x0, t) = A_t x0 A_t^T with A_t = B diag(g_t) B^-1, the same along rows and columns.

    steps (T, size): what step t multiplies each coefficient by, so g_t is the product of the first t.
    `basis` B and `inverse` B^-1 (size, size), `gains` g_t (T + 1, size) and `matrices` A_t (T + 1, size, size) are
    float64. For float32 images D is rounded once: the rounding of two float32 products would be as large as what
    blurred MNIST still holds."""

    basis: Tensor
    inverse: Tensor
    gains: Tensor
    matrices: Tensor

    def __init__(self, basis: Basis, steps: Tensor, options: dict[str, Any]):
        B, inverse = basis
        super().__init__(len(steps), len(B), options)
        gains = torch.cat([torch.ones_like(steps[:1]), steps]).cumprod(0)
        matrices = B * gains.unsqueeze(1) @ inverse
        for name, buffer in {"basis": B, "inverse": inverse, "gains": gains, "matrices": matrices}.items():
            self.register_buffer(name, buffer, persistent=False)

    def analyse(self, x: Tensor) -> Tensor:
        return self.inverse @ x.double() @ self.inverse.mT

    def synthesise(self, c: Tensor) -> Tensor:
        return self.basis @ c @ self.basis.mT

    def gains_at(self, t: Tensor, randomness: Tensor | None = None) -> Tensor:
        g = self.gains[t].unsqueeze(1)  # (B, 1, size)
        return g.unsqueeze(-1) * g.unsqueeze(-2)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)  # two products instead of four
        return (A @ x0.double() @ A.mT).to(x0.dtype)

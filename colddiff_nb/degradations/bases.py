"""Linear degradations: D multiplies coefficients by gains, in one basis for all severities.

Blur on a ring scales waves, blur with reflected borders scales cosines, pixelation keeps or drops Haar
wavelets, a mask scales pixels. The bases are closed forms, the same on every machine: weights may store a
number for each coefficient.
"""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.degradations.contract import Degradation

Basis = tuple[Tensor, Tensor]  # B, whose columns are the basis vectors, and B^-1: (size, size), float64


def waves(size: int) -> tuple[Basis, Tensor]:
    """Return the waves on a ring, of frequency 0, 1, 1, 2, 2, ..., and their angles per pixel (size,)."""
    k = (torch.arange(size) + 1) // 2
    angles = 2 * math.pi * k.double() / size
    phases = angles * torch.arange(size).double().unsqueeze(1)  # (pixels, columns)
    sine = (torch.arange(size) % 2 == 0) & (k > 0)
    B = torch.where(sine, phases.sin(), phases.cos())
    B /= B.norm(dim=0)
    return (B, B.mT.contiguous()), angles


def cosines(size: int) -> tuple[Basis, Tensor]:
    """Return the cosines between two mirrors (DCT-I), and the angle per pixel (size,) of each; size > 1.

    The mirrors stand on the outer pixels, so B is not orthogonal, but its condition number is below 1.5.
    """
    angles = math.pi * torch.arange(size, dtype=torch.float64) / (size - 1)
    root = torch.ones(size, dtype=torch.float64)
    root[[0, -1]] = 0.5 ** 0.5  # a mirrored signal holds its outer pixels once, all others twice
    waved = (angles * torch.arange(size).unsqueeze(1)).cos() * (2 / (size - 1)) ** 0.5  # (pixels, columns)
    return (waved * root, root.unsqueeze(1) * waved * root * root), angles


def haar(size: int, levels: int) -> tuple[Basis, Tensor]:
    """Return means of blocks of 2^levels pixels, differences within them (Haar), and a side (size,) of each.

    Average pooling by up to that side keeps a coefficient, by more drops it.
    """
    sides, blocks = [2 ** levels, *(2 ** level for level in reversed(range(levels)))], []
    for number, side in enumerate(sides):
        ones = torch.ones(side, 1, dtype=torch.float64)
        pattern = torch.cat([ones, -ones]) if number else ones
        every = torch.eye(size // len(pattern), dtype=torch.float64)
        blocks.append(torch.kron(every, pattern / pattern.norm()))  # (pixels, columns)
    B = torch.cat(blocks, dim=1)
    columns = torch.tensor([block.shape[1] for block in blocks])
    return (B, B.mT.contiguous()), torch.tensor(sides).repeat_interleave(columns)


class Linear(Degradation):
    """D as gains: analyse(D(x0, t)) = gains_at(t) * analyse(x0). Here the coefficients are the pixels."""

    # The least gain that `project` divides by: with less, the rounding of x_T is amplified too far.
    trusted = {"float32": 1e-6, "8bit": 0.05}

    def gains_at(self, t: Tensor, randomness: Tensor) -> Tensor:
        """Return what D multiplies each coefficient by: t (B,) -> (B, 1, size, size)."""
        raise NotImplementedError

    def analyse(self, x: Tensor) -> Tensor:
        """Return the coefficients of images x (B, C, size, size): same shape."""
        return x

    def synthesise(self, c: Tensor) -> Tensor:
        """Return the images of coefficients c (B, C, size, size)."""
        return c

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        return self.synthesise(self.gains_at(t, randomness) * self.analyse(x0))

    def project_at(self, x0_hat: Tensor, x_t: Tensor, t: Tensor, randomness: Tensor,
                   measurement_precision: str) -> Tensor:
        gains = self.gains_at(t, randomness)
        known = gains.abs() > self.trusted[measurement_precision]
        coefficients = torch.where(known, self.analyse(x_t) / gains.where(known, 1), self.analyse(x0_hat))
        return self.synthesise(coefficients).to(x0_hat.dtype)


class Separable(Linear):
    """D along rows and columns alike: D(x0, t) = A_t x0 A_t^T with A_t = B diag(g_t) B^-1.

    In float64, rounded once: two float32 products would lose as much as blurred MNIST still holds.

    Args:
        steps: (T, size), what step t multiplies each coefficient by; g_t is the product of the first t.
    """

    basis: Tensor  # B (size, size)
    inverse: Tensor  # B^-1
    gains: Tensor  # g_t (T + 1, size)
    matrices: Tensor  # A_t (T + 1, size, size)

    def __init__(self, basis: Basis, steps: Tensor, options: dict[str, Any]):
        B, inverse = basis
        gains = torch.cat([torch.ones_like(steps[:1]), steps]).cumprod(0)
        super().__init__(len(B), options, len(steps), basis=B, inverse=inverse, gains=gains,
                         matrices=B * gains.unsqueeze(1) @ inverse)

    def analyse(self, x: Tensor) -> Tensor:
        return self.inverse @ x.double() @ self.inverse.mT

    def synthesise(self, c: Tensor) -> Tensor:
        return self.basis @ c @ self.basis.mT

    def gains_at(self, t: Tensor, randomness: Tensor | None = None) -> Tensor:
        g = self.gains[t].unsqueeze(1)  # (B, 1, size)
        return g.unsqueeze(-1) * g.unsqueeze(-2)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)  # two products instead of four
        return A @ x0.double() @ A.mT

"""Pixelation in smaller steps than halving: 32, 28, 24, ..., 4 pixels a side. Its last step is that of the paper's."""
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from colddiff_nb.degradations import Degradation


class FinerPixels(Degradation):
    """Step t: area pooling to 32 - 4 t pixels a side, and nearest upsampling back."""

    matrices: Tensor

    def __init__(self, size: int, options: dict[str, Any], T: int):
        super().__init__(size, options, T)
        impulses = torch.eye(size, dtype=torch.float64).view(1, size, size)  # channel i is an impulse at i
        pooled = [F.adaptive_avg_pool1d(impulses, size - t * size // (T + 1)) for t in range(T + 1)]
        matrices = torch.cat([F.interpolate(small, size=size, mode="nearest") for small in pooled])
        self.register_buffer("matrices", matrices.mT.contiguous(), persistent=False)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)
        return (A @ x0.double() @ A.mT).to(x0.dtype)

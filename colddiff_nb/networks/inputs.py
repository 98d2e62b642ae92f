"""What every network does with its inputs: check the images, embed the severity."""
from __future__ import annotations

import math

import torch
from torch import Tensor


def check_images(x: Tensor, channels: int, multiple: int, size: int | None = None) -> None:
    """Raise ValueError unless x is (B, channels, H, W), with H and W of that size or else multiples."""
    sides = x.shape[2:]
    fits = x.ndim == 4 and x.shape[1] == channels
    if not fits or any(side != size if size else side % multiple for side in sides):
        asked = f"{size} x {size} pixels" if size else f"multiples of {multiple}"
        raise ValueError(f"images {tuple(x.shape)} do not fit this network: "
                         f"give (B, {channels}, H, W) with H and W {asked}")


def severity_embedding(t: Tensor, width: int) -> Tensor:
    """Return sines, then cosines of t (B,) at wavelengths from 2 pi to 20000 pi: (B, width)."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=t.device) / (width // 2 - 1))
    angles = t.float().unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)

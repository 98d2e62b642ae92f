"""What every network does with its inputs: check the images, embed the severity."""
from __future__ import annotations

import math

import torch
from torch import Tensor


def check_images(x: Tensor, channels: int, multiple: int, size: int | None = None) -> None:
    """Raise ValueError for images x (B, C, H, W) that a network cannot take.

    Args:
        multiple: what H and W must be multiples of.
        size: what H and W must be; None for any.
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"images have shape {tuple(x.shape)}: this network takes (B, {channels}, H, W)")
    H, W = x.shape[-2:]
    misfit = f"images of {H} x {W} do not fit this network"
    if H % multiple or W % multiple:
        raise ValueError(f"{misfit}: use multiples of {multiple}")
    if size and (H, W) != (size, size):
        raise ValueError(f"{misfit}: it was made for {size} x {size}")


def severity_embedding(t: Tensor, width: int) -> Tensor:
    """Return sines, then cosines of t (B,) at wavelengths from 2 pi to 20000 pi: (B, width)."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=t.device) / (width // 2 - 1))
    angles = t.float().unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)

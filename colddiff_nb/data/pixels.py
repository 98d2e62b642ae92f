"""Pixels as one uint8 tensor (N, C, H, W): to floats and back, resized, and in an order that their content alone decides."""
from __future__ import annotations

import hashlib

import torch
import torch.nn.functional as F

Pair = tuple[torch.Tensor, torch.Tensor]  # pixels (N, C, H, W), labels (N,)


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 of any shape to float32 in [-1, 1]."""
    if pixels.dtype != torch.uint8:
        raise ValueError(f"to_float takes uint8 pixels, not {pixels.dtype}; images in [-1, 1] are float already")
    return pixels.float() / 127.5 - 1


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Float images in [-1, 1] to uint8 0..255: rounded, and clamped where they leave the range."""
    if not images.is_floating_point():
        raise ValueError(f"to_uint8 takes float images in [-1, 1], not {images.dtype}")
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def resize(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Bilinear (half-pixel centres, antialiased when it shrinks), rounded to uint8; exact for MNIST's 28 to 32."""
    if pixels.shape[-1] == size:
        return pixels
    resized = F.interpolate(pixels.float(), (size, size), mode="bilinear", align_corners=False, antialias=size < pixels.shape[-1])
    return resized.round().clamp(0, 255).to(torch.uint8)


def in_order(pixels: torch.Tensor, labels: torch.Tensor) -> Pair:
    """Sort by the SHA-256 of each image's pixels; equal images by their labels."""
    keys = [(hashlib.sha256(image).digest(), label) for image, label in zip(pixels.numpy(), labels.tolist(), strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return pixels[order], labels[order]


def first_of_each_class(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Boolean (N,): True at the first `count` images of each class."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        chosen[(labels == label).nonzero()[:count, 0]] = True
    return chosen


def sha256(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.flatten().numpy().data).hexdigest()

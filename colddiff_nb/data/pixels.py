"""Pixels as one uint8 tensor (N, C, H, W): to floats and back, resized, in an order of their content."""
from __future__ import annotations

import hashlib

import torch
import torch.nn.functional as F
from torch import Tensor

Pair = tuple[Tensor, Tensor]  # pixels (N, C, H, W) uint8, labels (N,)


def to_float(pixels: Tensor) -> Tensor:
    """Map uint8 pixels 0..255 of any shape to float32 in [-1, 1]; raise ValueError for another type."""
    if pixels.dtype != torch.uint8:
        raise ValueError(f"to_float takes uint8 pixels, not {pixels.dtype}")
    return pixels.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Round float images in [-1, 1] to uint8 0..255, clamped; raise ValueError for another type."""
    if not images.is_floating_point():
        raise ValueError(f"to_uint8 takes float images in [-1, 1], not {images.dtype}")
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def resize(pixels: Tensor, size: int) -> Tensor:
    """Resize uint8 pixels bilinearly, antialiased when they shrink; exact for MNIST's 28 to 32."""
    if pixels.shape[-1] == size:
        return pixels
    smaller = size < pixels.shape[-1]
    resized = F.interpolate(pixels.float(), (size, size), mode="bilinear", antialias=smaller)
    return resized.round().clamp(0, 255).to(torch.uint8)


def in_order(pixels: Tensor, labels: Tensor) -> Pair:
    """Sort images by the SHA-256 of their pixels, equal ones by their labels."""
    pixels = pixels.contiguous()
    keys = [(hashlib.sha256(image).digest(), int(label)) for image, label in zip(pixels.numpy(), labels)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return pixels[order], labels[order]


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Return a mask (N,), True at the first `count` images of each class."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        chosen[(labels == label).nonzero()[:count, 0]] = True
    return chosen


def sha256(tensor: Tensor) -> str:
    """Return the SHA-256 of a tensor's bytes, in hexadecimal."""
    return hashlib.sha256(tensor.flatten().numpy().data).hexdigest()


def with_contrast(pixels: Tensor, few: int) -> list[int]:
    """Return the numbers of the first few images; nearly flat ones, such as sky, only if others lack."""
    flat = pixels[:1000].float().flatten(1).std(1) < 40
    return sorted(flat.int().argsort(stable=True)[:few].tolist())

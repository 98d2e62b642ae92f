"""RMSE and SSIM as the paper takes them, and intervals of means.

Images come in [-1, 1], are clamped once and mapped to [0, 1]. RMSE is ONE square root of the mean over all
images and pixels, not a mean of roots. SSIM has an 11-tap Gaussian window (sigma 1.5), data range 1, and no
padding.
"""
from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from colddiff_nb.storage.runtime import true_float32

WINDOW = 11  # taps of the SSIM window


def to_unit(images: Tensor) -> Tensor:
    """Map images in [-1, 1] to float32 in [0, 1], clamped."""
    return ((images.float() + 1) / 2).clamp(0, 1)


def squared_errors(restored: Tensor, originals: Tensor) -> Tensor:
    """Return the mean squared error on [0, 1] of each image.

    Both are float (B, C, H, W) in [-1, 1], else ValueError. Returned is float64 (B,), on the CPU.
    """
    restored, originals = _pair(restored, originals)
    return (restored - originals).square().flatten(1).mean(1).cpu().double()


def structural_similarity(restored: Tensor, originals: Tensor) -> Tensor:
    """Return the SSIM of each image, float32 (B,) on their device, with a gradient inside [-1, 1].

    Arguments and errors are those of `squared_errors`. torchmetrics averages over a reflected border too;
    only windows that lie inside the image count here.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    restored, originals = _pair(restored, originals)
    if min(restored.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW} x {WINDOW} pixels, "
                         f"not {tuple(restored.shape[-2:])}")
    with torch.autocast(restored.device.type, enabled=False), true_float32():
        _, full = structural_similarity_index_measure(
            restored, originals, sigma=1.5, kernel_size=WINDOW, data_range=1.0,
            reduction="none", return_full_image=True)
    border = WINDOW // 2
    return full[..., border:-border, border:-border].flatten(1).mean(1)


def similarities(restored: Tensor, originals: Tensor) -> Tensor:
    """Return the SSIM of each image; arguments, result and errors as of `squared_errors`."""
    return structural_similarity(restored, originals).detach().cpu().double()


def rmse(restored: Tensor, originals: Tensor) -> float:
    """Return the root mean squared error on [0, 1] of images (B, C, H, W) in [-1, 1]."""
    return squared_errors(restored, originals).mean().sqrt().item()


def ssim(restored: Tensor, originals: Tensor) -> float:
    """Return the mean SSIM of images (B, C, H, W) in [-1, 1]."""
    return similarities(restored, originals).mean().item()


def gain_contributions(before: Tensor, after: Tensor) -> Tensor:
    """Return what each image adds, to first order, to the gain: (N,), whose mean is the gain.

    The gain is the RMSE before restoring over that after; given are the squared errors (N,) of both.
    """
    gain = (before.mean() / after.mean()).sqrt()
    return gain * (1 + (before / before.mean() - after / after.mean()) / 2)


def bootstrap(values: Tensor, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values (N,): percentiles of 1,000 seeded resamples' means."""
    values, generator = values.double().cpu(), torch.Generator().manual_seed(seed)
    draws = (torch.randint(len(values), values.shape, generator=generator) for _ in range(1_000))
    means = torch.stack([values[draw].mean() for draw in draws])
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def _pair(*images: Tensor) -> Iterator[Tensor]:
    """Both in [0, 1]; ValueError for what cannot be compared."""
    floats = all(x.is_floating_point() for x in images)
    if images[0].shape != images[1].shape or images[0].ndim != 4 or not floats:
        found = " and ".join(f"{x.dtype} {tuple(x.shape)}" for x in images)
        raise ValueError(f"images are {found}: give floats (B, C, H, W) twice, data.to_float(pixels)")
    return map(to_unit, images)

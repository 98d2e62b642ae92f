"""The paper's three scores: RMSE, SSIM and FID; and the Frechet distance in any features.

Protocol: images come in [-1, 1], are clamped once and mapped to [0, 1]. RMSE is ONE square root of the mean over all images
and pixels, not a mean of roots. SSIM has an 11-tap Gaussian window (sigma 1.5), data range 1, and no padding. FID compares
the originals with the reconstructions of the same images in the features of the 2015 Inception network; its value depends on
how images are resized to 299 x 299 and on whether they were rounded to 8 bits, so both are named with every FID.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from colddiff_nb.data.pixels import to_uint8
from colddiff_nb.storage.files import make_folder, replace
from colddiff_nb.storage.runtime import true_float32

WINDOW = 11  # taps of the SSIM window
IN_CACHE = 8  # images whose Inception maps a CPU's cache holds: faster than many at a time
RESIZES = ("half-pixel bilinear", "TensorFlow 1 bilinear")  # the paper's official code; torch-fidelity


def to_unit(images: Tensor) -> Tensor:
    """Images in [-1, 1] to float32 in [0, 1], clamped."""
    return ((images.float() + 1) / 2).clamp(0, 1)


def squared_errors(restored: Tensor, originals: Tensor) -> Tensor:
    """Mean squared error of each image on [0, 1]: (B, C, H, W) twice, in [-1, 1], to float64 (B,) on the CPU."""
    _check_pair(restored, originals)
    return (to_unit(restored) - to_unit(originals)).square().flatten(1).mean(1).cpu().double()


def similarities(restored: Tensor, originals: Tensor) -> Tensor:
    """SSIM of each image: (B, C, H, W) twice, in [-1, 1], to float64 (B,) on the CPU.

    torchmetrics averages over a reflected border too; only windows that lie inside the image count here.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    _check_pair(restored, originals)
    if min(restored.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW} x {WINDOW} pixels, not {tuple(restored.shape[-2:])}")
    with torch.autocast(restored.device.type, enabled=False), true_float32():
        _, full = structural_similarity_index_measure(to_unit(restored), to_unit(originals), sigma=1.5, kernel_size=WINDOW,
                                                      data_range=1.0, reduction="none", return_full_image=True)
    border = WINDOW // 2
    return full[..., border:-border, border:-border].flatten(1).mean(1).cpu().double()  # (B, C, H - 10, W - 10) -> (B,)


def rmse(restored: Tensor, originals: Tensor) -> float:
    """Root mean squared error on [0, 1], one root over all images and pixels; both (B, C, H, W) in [-1, 1]."""
    return squared_errors(restored, originals).mean().sqrt().item()


def ssim(restored: Tensor, originals: Tensor) -> float:
    """Mean SSIM; both (B, C, H, W) in [-1, 1]."""
    return similarities(restored, originals).mean().item()


class Scores:
    """RMSE and SSIM of a set that comes batch by batch: the same numbers as for the whole set at once."""

    def __init__(self) -> None:
        self._errors: list[Tensor] = []
        self._similarities: list[Tensor] = []

    def update(self, restored: Tensor, originals: Tensor) -> None:
        """Add a batch; both (B, C, H, W) in [-1, 1]."""
        self._errors.append(squared_errors(restored, originals))
        self._similarities.append(similarities(restored, originals))

    @property
    def squared_errors(self) -> Tensor:
        """Mean squared error of each image so far, float64 (N,)."""
        return torch.cat(self._errors)

    @property
    def similarities(self) -> Tensor:
        """SSIM of each image so far, float64 (N,)."""
        return torch.cat(self._similarities)

    @property
    def rmse(self) -> float:
        return self.squared_errors.mean().sqrt().item()

    @property
    def ssim(self) -> float:
        return self.similarities.mean().item()


def bootstrap(values: Tensor, seed: int = 0, resamples: int = 1000) -> tuple[float, float]:
    """95 % interval of the mean of `values` (N,): percentiles of the means of seeded resamples with replacement."""
    values, generator = values.double().cpu(), torch.Generator().manual_seed(seed)
    draws = (torch.randint(len(values), values.shape, generator=generator) for _ in range(resamples))
    means = torch.stack([values[draw].mean() for draw in draws])
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Frechet distance of the Gaussians fitted to two sets of features (N, d) and (M, d), computed in float64.

    |mean_a - mean_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)). With R = S_a^(1/2) the last trace is that of (R S_b R)^(1/2), whose
    argument is symmetric: its eigenvalues are real, also where fewer images than dimensions make both covariances singular.
    """
    if features_a.ndim != 2 or features_b.ndim != 2 or features_a.shape[1] != features_b.shape[1]:
        raise ValueError(f"features have shapes {tuple(features_a.shape)} and {tuple(features_b.shape)}; give (N, d) and (M, d)")
    if min(len(features_a), len(features_b)) < 2:
        raise ValueError(f"{len(features_a)} and {len(features_b)} images have no covariance; give at least 2 of each")
    a, b = features_a.double().cpu(), features_b.double().cpu()
    covariance_a, covariance_b = torch.cov(a.mT).reshape(a.shape[1], -1), torch.cov(b.mT).reshape(b.shape[1], -1)
    root = _square_root(covariance_a)
    cross = torch.linalg.eigvalsh(root @ covariance_b @ root).clamp(min=0).sqrt().sum()
    distance = (a.mean(0) - b.mean(0)).square().sum() + covariance_a.trace() + covariance_b.trace() - 2 * cross
    return max(distance.item(), 0.0)


def _square_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.mT


def frechet_contributions(originals: Tensor, restored: Tensor) -> Tensor:
    """What each image adds to the Frechet distance of the features (N, d) of N originals and (N, d) of their restorations: float64 (N,),
    whose mean is the distance. `bootstrap` of it is the interval of the distance.

    A bootstrap of the distance itself is biased: a resample has fewer different images, and the fewer the larger the distance. These are
    the distance plus its first-order change with the weight of each pair (its influence function): with T = A (A S_b A)^(-1/2) A,
    A = S_a^(1/2), the map that transports one Gaussian to the other, the gradients in S_b and S_a are I - T and I - T^-1."""
    if originals.shape != restored.shape:
        raise ValueError(f"features have shapes {tuple(originals.shape)} and {tuple(restored.shape)}; give (N, d) twice, of the same images")
    distance = frechet_distance(originals, restored)
    x, y = originals.double().cpu(), restored.double().cpu()
    a, b = x - x.mean(0), y - y.mean(0)
    changes = 2 * (a - b) @ (x.mean(0) - y.mean(0)) + _covariance_changes(a, b) + _covariance_changes(b, a)
    return distance + changes - changes.mean()


def _covariance_changes(a: Tensor, b: Tensor) -> Tensor:
    """b_i^T (I - T) b_i for centred features (N, d), T of `frechet_contributions` without the directions in which it is unbounded."""
    root = _square_root(a.mT @ a / len(a))
    values, vectors = torch.linalg.eigh(root @ (b.mT @ b / len(b)) @ root)
    kept = values > 1e-12 * values[-1]
    return b.square().sum(1) - ((b @ root @ vectors[:, kept]).square() / values[kept].sqrt()).sum(1)


def gain_contributions(before: Tensor, after: Tensor) -> Tensor:
    """What each image adds to the gain, the RMSE before restoring over that after, to first order: squared errors (N,) twice, to (N,),
    whose mean is the gain."""
    gain = (before.mean() / after.mean()).sqrt()
    return gain * (1 + (before / before.mean() - after / after.mean()) / 2)


class Inception:
    """Features of the 2015 Inception network (torch-fidelity's), on which FID is defined.

    Call it with images (B, 1 or 3, H, W) in [-1, 1]: grey is repeated to three channels, all are resized to 299 x 299, and
    features (B, 2048) come back. `resize` is one of RESIZES. Images are taken as they are, as the paper's code does; with
    `rounded` they are rounded to the 256 levels of an image file first, as torch-fidelity does. That is no detail: Inception sees
    the steps that rounding makes in smooth images. With `dtype` torch.bfloat16 all but the first convolution, which sees the
    pixels, runs in bfloat16: faster on CPUs that can, and a little off; `name` tells. The weights (91 MB) come from
    torch hub's cache, else from the internet: OSError, or ImportError without torch-fidelity, where that is
    not possible; ValueError, which names the file to delete, where the cache holds something else.
    """

    def __init__(self, resize: str = RESIZES[0], device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32,
                 rounded: bool = False):
        if resize not in RESIZES:
            raise ValueError(f"unknown resize {resize!r}: choose one of {', '.join(RESIZES)}")
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
        from torchmetrics.image.fid import NoTrainInceptionV3

        try:
            network = NoTrainInceptionV3("inception-v3-compat", ["2048"])
        except Exception as error:  # weights that are cut short or foreign fail in many ways
            weights = Path(torch.hub.get_dir(), "checkpoints", Path(URL_INCEPTION_V3).name)
            if isinstance(error, MemoryError | OSError) or not weights.is_file():
                raise
            mend = f"delete {weights}, they are downloaded anew"
            raise ValueError(f"the 2015 Inception weights are damaged: {mend}") from error
        trunk = nn.Sequential(*[layer for name, layer in network.named_children() if name != "fc"], nn.Flatten())
        layer: Any
        for layer in trunk.eval().modules():
            if hasattr(layer, "bn"):  # its scale goes into the convolution: the same features to 1e-6, an eighth faster
                layer.conv, layer.bn = fuse_conv_bn_eval(layer.conv, layer.bn), nn.Identity()
        self.resize, self.device, self.dtype, self.rounded = resize, torch.device(device), dtype, rounded
        details = None if rounded else "unrounded", None if dtype == torch.float32 else str(dtype).removeprefix("torch.")
        self.name = ", ".join(filter(None, ("inception-2015", resize, *details)))
        trunk.to(self.device).to(memory_format=torch.channels_last)
        self.first, self.rest = trunk[0], trunk[1:].to(dtype)

    def __call__(self, images: Tensor) -> Tensor:
        size = IN_CACHE if self.device.type == "cpu" else len(images)
        return torch.cat([self._features(part) for part in images.split(size)])

    @torch.no_grad()
    def _features(self, images: Tensor) -> Tensor:
        images = images.to(self.device)
        pixels = (to_uint8(images).float() if self.rounded else 255 * to_unit(images)).expand(-1, 3, -1, -1)  # (B, 3, H, W)
        with torch.autocast(self.device.type, enabled=False), true_float32():
            resized = self._to_299(pixels).contiguous(memory_format=torch.channels_last)  # (B, 3, 299, 299)
            return self.rest(self.first((resized - 128) / 128).to(self.dtype)).float()

    def _to_299(self, pixels: Tensor) -> Tensor:
        if self.resize == "half-pixel bilinear":
            return F.interpolate(pixels, size=(299, 299), mode="bilinear", align_corners=False)
        from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

        return interpolate_bilinear_2d_like_tensorflow1x(pixels, size=(299, 299), align_corners=False)


def load_inception(resize: str = RESIZES[0], device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32,
                   rounded: bool = False) -> tuple[Inception | None, str]:
    """(Inception, ""), or (None, why it cannot be had); ValueError for damaged weights."""
    try:
        return Inception(resize, device, dtype, rounded), ""
    except (OSError, ImportError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        return None, f"the 2015 Inception weights cannot be had ({type(error).__name__}: {reason})"


def features_of(extract: Callable[[Tensor], Tensor], batches, cache: str | Path | None = None) -> Tensor:
    """extract(images) over batches of images, concatenated on the CPU: (N, d). With `cache`, a file that keeps the result."""
    if cache is not None and Path(cache).is_file():
        with suppress(Exception):  # a damaged file, which fails in many ways, is made again
            return torch.load(cache, weights_only=True)
    features = torch.cat([extract(images).cpu() for images in batches])
    if cache is not None:
        make_folder(Path(cache).parent)
        replace(Path(cache), lambda file: torch.save(features, file))
    return features


def _check_pair(restored: Tensor, originals: Tensor) -> None:
    if restored.shape != originals.shape or restored.ndim != 4:
        raise ValueError(f"restored {tuple(restored.shape)} and originals {tuple(originals.shape)}: give (B, C, H, W) twice")
    if not (restored.is_floating_point() and originals.is_floating_point()):
        raise ValueError(f"restored is {restored.dtype}, originals {originals.dtype}; give floats: data.to_float(pixels)")

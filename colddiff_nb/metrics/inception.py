"""Features of the 2015 Inception: the Frechet distance in them is FID.

FID compares originals with the restorations of the same images. Its value depends on how images are resized
to 299 x 299 and on whether they were rounded to 8 bits, so both are named with every FID.
"""
from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from colddiff_nb.data import to_uint8
from colddiff_nb.data.names import check_choice
from colddiff_nb.metrics.scores import to_unit
from colddiff_nb.storage.files import make_folder, replace
from colddiff_nb.storage.runtime import true_float32

IN_CACHE = 8  # images whose Inception maps a CPU's cache holds: faster than many at a time
RESIZES = ("half-pixel bilinear", "TensorFlow 1 bilinear")  # the paper's official code; torch-fidelity


class Inception:
    """Features (B, 2048) of images (B, 1 or 3, H, W) in [-1, 1], by torch-fidelity's weights.

    The weights (91 MB) come from torch hub's cache, else from the internet. `name` says how images are taken.

    Args:
        resize: to 299 x 299, one of RESIZES.
        dtype: torch.bfloat16 runs all but the first convolution so: faster on CPUs that can, a little off.
        rounded: round images to 256 levels first, as torch-fidelity does and the paper's code does not.
            Inception sees the steps that rounding makes in smooth images.

    Raises:
        ValueError: unknown resize.
        OSError: the weights cannot be had, or their file is damaged.
        MemoryError: there is too little memory.
    """

    def __init__(self, resize: str = RESIZES[0], device: str | torch.device = "cpu",
                 dtype: torch.dtype = torch.float32, rounded: bool = False):
        check_choice("resize", resize, RESIZES)
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
        from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
        from torchmetrics.image.fid import NoTrainInceptionV3

        weights = Path(torch.hub.get_dir(), "checkpoints", Path(URL_INCEPTION_V3).name)
        try:
            network = NoTrainInceptionV3("inception-v3-compat", ["2048"])
        except Exception as error:  # there is no internet, or the file is cut short or foreign
            if isinstance(error, MemoryError) or "allocate memory" in str(error):  # torch's own words
                raise
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
            mend = (f"delete {weights}, they are downloaded anew" if weights.is_file()
                    else "connect to the internet, or leave out FID")
            raise OSError(f"the 2015 Inception weights cannot be used ({reason}): {mend}") from error
        layers = [layer for name, layer in network.named_children() if name != "fc"]
        trunk = nn.Sequential(*layers, nn.Flatten()).eval()
        layer: Any
        for layer in trunk.modules():
            if hasattr(layer, "bn"):  # its scale goes into the convolution: same to 1e-6, an eighth faster
                layer.conv, layer.bn = fuse_conv_bn_eval(layer.conv, layer.bn), nn.Identity()
        trunk.to(device).to(memory_format=torch.channels_last)
        self.first, self.rest = trunk[0], trunk[1:].to(dtype)
        self.device, self.dtype, self.rounded = torch.device(device), dtype, rounded
        half_pixel = partial(F.interpolate, mode="bilinear")
        self.resized = half_pixel if resize == RESIZES[0] else interpolate_bilinear_2d_like_tensorflow1x
        self.name = f"inception-2015, {resize}" + ", unrounded" * (not rounded)
        if dtype != torch.float32:
            self.name += f", {dtype}".replace("torch.", "")

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        features = []
        for part in images.to(self.device).split(IN_CACHE if self.device.type == "cpu" else len(images)):
            pixels = to_uint8(part).float() if self.rounded else 255 * to_unit(part)
            with torch.autocast(self.device.type, enabled=False), true_float32():
                x = self.resized(pixels.expand(-1, 3, -1, -1), size=(299, 299), align_corners=False)
                x = (x.contiguous(memory_format=torch.channels_last) - 128) / 128
                features.append(self.rest(self.first(x).to(self.dtype)).float())
        return torch.cat(features)


def features_of(extract: Callable[[Tensor], Tensor], batches: Iterable[Tensor],
                cache: Path | None = None) -> Tensor:
    """Return extract(images) over batches of images, (N, d) on the CPU; the file `cache` keeps it."""
    if cache and cache.is_file():
        with suppress(Exception):  # a damaged file, which fails in many ways, is made again
            return torch.load(cache, weights_only=True)
    features = torch.cat([extract(images).cpu() for images in batches])
    if cache:
        make_folder(cache.parent)
        content = io.BytesIO()
        torch.save(features, content)
        replace(cache, content.getbuffer())
    return features

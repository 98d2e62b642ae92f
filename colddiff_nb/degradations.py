"""Degradations D(x0, t) of the paper (section 5.1-5.3): blur, pixelation, growing masks.

Every degradation here is linear, so the t-fold recursion of the paper has a closed form whose cost does not depend on t:
blur and pixelation are A_t x A_t^T with one (size, size) matrix per severity, masks are one table over the squared distance
to the mask's centre. Conventions: x0 is float32 in [-1, 1], shape (B, C, size, size); t is an int or a LongTensor (B,) in
0..T; D(x0, 0) is x0 bit for bit.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, SupportsIndex

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TASKS = ("deblur", "superres", "inpaint")
GREY_DATASETS = ("mnist", "mnist5k", "fashion")  # these use the paper's MNIST settings, all others those of CIFAR-10


class Degradation(nn.Module):
    """D of one task. `options` are plain values: `make(**options)` builds the same degradation again.

    A subclass gives `apply_at(x0, t, randomness)` for t in 0..T. Where it has randomness it also overrides
    `draw_randomness(n, generator)`, a tensor whose first dimension is n: then D must be drawn before it is called.
    """

    def __init__(self, T: int, size: int, options: dict[str, Any]):
        super().__init__()
        self.T, self.size, self.options = T, size, options
        self.task: str = options["task"]

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} gives no apply_at(x0, t, randomness)")

    def draw_randomness(self, n: int, generator: torch.Generator | None) -> Tensor:
        return torch.zeros(n, 0)

    @property
    def random(self) -> bool:
        return self.draw_randomness(0, None).shape[1:] != (0,)

    def draw(self, n: int, generator: torch.Generator | None = None) -> Drawn:
        """Fix the randomness (mask centres) for n images; Algorithm 2 needs the same draw at s and s - 1."""
        _check_whole(n, 0, 2 ** 31, f"n = {n!r}: give the number of images, 0 or more")
        return Drawn(self, self.draw_randomness(n, generator))

    def forward(self, x0: Tensor, t: int | Tensor) -> Tensor:
        """x0 (B, C, size, size) degraded with severity t: same shape, float32, or float64 where x0 is."""
        if self.random:
            raise ValueError(f"{self.task} is random: fix its randomness first, degrade.draw({len(x0)}, generator)(x0, t)")
        return self.degrade(x0, t, torch.zeros(len(x0), 0))

    def degrade(self, x0: Tensor, t: int | Tensor, randomness: Tensor) -> Tensor:
        severity = self.check(x0, t).to(x0.device)
        if isinstance(t, int) and t == 0:
            return x0
        with torch.autocast(x0.device.type, enabled=False):  # autocast would turn D into bfloat16
            x0 = x0 if x0.dtype == torch.float64 else x0.float()
            x_t = self.apply_at(x0, severity, randomness.to(x0.device))
            return torch.where(severity.view(-1, 1, 1, 1) == 0, x0, x_t)

    def check(self, x0: Tensor, t: int | Tensor) -> Tensor:
        """t as a LongTensor (B,); a one-line ValueError for images or severities that D is not made for."""
        if not isinstance(x0, Tensor):
            raise ValueError(f"images are a {type(x0).__name__}: give a tensor (B, C, {self.size}, {self.size}) in [-1, 1]")
        if x0.ndim != 4 or x0.shape[-2:] != (self.size, self.size):
            raise ValueError(f"images have shape {tuple(x0.shape)}; {self.task} was made for (B, C, {self.size}, {self.size}): "
                             "resize them, or make(..., size=...)")
        if not x0.is_floating_point():
            raise ValueError(f"images are {x0.dtype}; give floating point in [-1, 1]: data.to_float(pixels)")
        if isinstance(t, SupportsIndex) and not isinstance(t, Tensor):
            _check_whole(t, 0, self.T, f"t = {t}..{t} lies outside 0..{self.T}, the severities of this {self.task}")
            t = torch.full((len(x0),), int(t))
        if not isinstance(t, Tensor) or t.shape != (len(x0),) or t.dtype not in (torch.int64, torch.int32):
            kind = f"{t.dtype} {tuple(t.shape)}" if isinstance(t, Tensor) else repr(t)
            raise ValueError(f"t is {kind}; give an int or a LongTensor ({len(x0)},)")
        if not t.is_cuda and len(t) and (t.min() < 0 or t.max() > self.T):  # reading a CUDA tensor would wait for the device
            raise ValueError(f"t = {int(t.min())}..{int(t.max())} lies outside 0..{self.T}, the severities of this {self.task}")
        return t


@dataclass(frozen=True)
class Drawn:
    """A degradation whose randomness is fixed for n images: call it, take its len, slice it as you slice the images."""

    degrade: Degradation
    randomness: Tensor  # (n, ...)

    @property
    def T(self) -> int:
        return self.degrade.T

    def __len__(self) -> int:
        return len(self.randomness)

    def __getitem__(self, images: slice) -> Drawn:
        return Drawn(self.degrade, self.randomness[images])

    def __call__(self, x0: Tensor, t: int | Tensor) -> Tensor:
        if isinstance(x0, Tensor) and x0.ndim and len(x0) != len(self):
            raise ValueError(f"{len(x0)} images meet a draw for {len(self)}: slice the draw as you slice the images, drawn[a:b]")
        return self.degrade.degrade(x0, t, self.randomness)


class Separable(Degradation):
    """D(x0, t) = A_t x0 A_t^T with one matrix per severity: `matrices` is (T + 1, size, size), float64. For float32 images the
    result is rounded once: the rounding of two float32 products would be as large as what blurred MNIST still holds."""

    matrices: Tensor

    def __init__(self, steps: list[Tensor], size: int, options: dict[str, Any]):
        super().__init__(len(steps), size, options)
        recursive = [torch.eye(size, dtype=torch.float64)]
        for step in steps:
            recursive.append(step @ recursive[-1])
        self.register_buffer("matrices", torch.stack(recursive), persistent=False)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)  # (B, 1, size, size)
        return (A @ x0.double() @ A.mT).to(x0.dtype)


class Masks(Degradation):
    """Inpainting: x_t = x0 * prod_{i <= t} (1 - exp(-|p - c|^2 / (2 sigma_i^2))), sigma_i = first + step * (i - 1) pixels.

    The product depends on |p - c|^2 alone, an integer: `table` is (T + 1, largest squared distance + 1). The centre c is drawn
    uniformly over rows and columns -1..size - 1, or given once for all images: `center=(row, col)`. Erased means 0, mid-grey.
    """

    table: Tensor
    pixels: Tensor

    def __init__(self, sigmas: Tensor, size: int, center: tuple[int, int] | None, options: dict[str, Any]):
        super().__init__(len(sigmas), size, options)
        self.center = center
        squared = torch.arange(2 * (2 * size) ** 2 + 1, dtype=torch.float64)
        factors = 1 - torch.exp(-squared / (2 * sigmas.double().view(-1, 1) ** 2))  # (T, distances)
        table = torch.cat([torch.ones_like(factors[:1]), factors.cumprod(0)])
        self.register_buffer("table", table.float(), persistent=False)
        self.register_buffer("pixels", torch.arange(size), persistent=False)

    def draw_randomness(self, n: int, generator: torch.Generator | None) -> Tensor:
        if self.center is not None:
            return torch.zeros(n, 0)
        return torch.randint(-1, self.size, (n, 2), generator=generator)

    def mask(self, t: Tensor, centers: Tensor) -> Tensor:
        """Transmission in [0, 1], (B, 1, size, size): 0 where the image is erased. centers is (B, 2), row and column."""
        squared = (self.pixels.view(1, -1, 1) - centers[:, 0].view(-1, 1, 1)) ** 2 \
            + (self.pixels.view(1, 1, -1) - centers[:, 1].view(-1, 1, 1)) ** 2  # (B, size, size)
        return self.table[t.view(-1, 1, 1), squared].unsqueeze(1)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        centers = randomness if self.center is None else torch.tensor([self.center], device=x0.device).expand(len(x0), 2)
        return x0 * self.mask(t, centers)


def measure(x_T: Tensor, measurement: str) -> Tensor:
    """x_T as an instrument gives it: unchanged ("float32"), or rounded to the 256 levels of an 8-bit image ("8bit")."""
    if measurement not in ("float32", "8bit"):
        raise ValueError(f"unknown measurement {measurement!r}: choose float32 or 8bit")
    if measurement == "float32":
        return x_T
    return ((x_T.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def make(task: str, dataset: str = "mnist", *, size: int = 32, T: int | None = None, **options: Any) -> Degradation:
    """The paper's degradation of a task for a data set.

    task: "deblur", "superres" or "inpaint". dataset: grey sets take the paper's MNIST settings, others those of CIFAR-10.
    options: deblur `kernel` (odd taps), `sigma` (a number, or (first, step)), `padding` ("circular" | "reflect");
    superres `pooling` ("area" | "bicubic"); inpaint `center=(row, col)`, `sigma=(first, step)` in pixels.
    Raises ValueError (one line) for an unknown task or option, and for sizes or values that cannot be.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}: choose one of {', '.join(TASKS)}")
    for value, most in ((size, 128), (1 if T is None else T, 1_000)):
        _check_whole(value, 1, most, f"size = {size!r}, T = {T!r}: both must be at least 1, at most 128 and 1,000")
    grey = dataset in GREY_DATASETS
    defaults: dict[str, Any]
    if task == "deblur":
        defaults = ({"T": 40, "kernel": 11, "sigma": (7.0, 0.0), "padding": "circular"} if grey else
                    {"T": 50, "kernel": 11, "sigma": (0.35, 0.01), "padding": "reflect"})
    elif task == "superres":
        defaults = {"T": 3, "pooling": "area"}
    else:
        defaults = {"T": 50, "sigma": (1.1, 0.1), "center": None}
    unknown = set(options) - set(defaults)
    if unknown:
        raise ValueError(f"{task} has no option {', '.join(sorted(unknown))}: choose from {', '.join(defaults)}, size")
    chosen = defaults | options | ({} if T is None else {"T": T})
    plain = {"task": task, "dataset": dataset, "size": size} | chosen
    makers: dict[str, Callable[..., Degradation]] = {"deblur": _blur, "superres": _superres, "inpaint": _inpaint}
    return makers[task](size, plain, **chosen)


def _check_whole(value: Any, least: int, most: int, message: str) -> None:
    if not isinstance(value, SupportsIndex) or isinstance(value, bool | Tensor) or not least <= int(value) <= most:
        raise ValueError(message)


def _sigmas(sigma: float | tuple[float, float], T: int) -> Tensor:
    pair = (sigma, 0.0) if isinstance(sigma, int | float) else sigma
    if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(x, int | float) and abs(x) <= 1e6 for x in pair)):
        raise ValueError(f"sigma = {sigma!r}: give pixels as a number, or as (first, step)")
    sigmas = pair[0] + pair[1] * torch.arange(T, dtype=torch.float64)
    if sigmas.min() < 0.01:
        raise ValueError(f"sigma = {sigma} gives a width of {sigmas.min():.3g} pixels within {T} steps: "
                         "every width must be positive, 0.01 or more")
    return sigmas


def _blur(size: int, plain: dict[str, Any], T: int, kernel: int, sigma: Any, padding: str) -> Separable:
    if padding not in ("circular", "reflect"):
        raise ValueError(f"padding = {padding!r}: choose circular or reflect")
    misfit = f"kernel = {kernel!r} does not fit images of size {size}: it must be odd and at most {2 * size - 1}"
    _check_whole(kernel, 1, 2 * size - 1, misfit)
    half = kernel // 2
    if kernel % 2 == 0:
        raise ValueError(misfit)
    taps = torch.arange(-half, half + 1, dtype=torch.float64)
    rows = F.pad(torch.eye(size, dtype=torch.float64).unsqueeze(0), (half, half), mode=padding)  # (1, size, size + kernel - 1)
    steps = []
    for width in _sigmas(sigma, T):
        weights = torch.exp(-taps ** 2 / (2 * width ** 2))
        blurred = F.conv1d(rows.transpose(0, 1), (weights / weights.sum()).view(1, 1, -1))  # row i: the impulse at i, blurred
        steps.append(blurred.squeeze(1).mT)
    return Separable(steps, size, plain)


def _superres(size: int, plain: dict[str, Any], T: int, pooling: str) -> Separable:
    if pooling not in ("area", "bicubic"):
        raise ValueError(f"pooling = {pooling!r}: choose area or bicubic")
    if size % 2 ** T:
        raise ValueError(f"size = {size} cannot be halved T = {T} times: choose a multiple of {2 ** T}, or a smaller T")
    columns = torch.eye(size, dtype=torch.float64).view(1, size, size, 1)  # channel i is the impulse at i
    steps = []
    for s in range(1, T + 1):
        small = F.interpolate(columns, size=(size // 2 ** s, 1), mode=pooling)
        steps.append(F.interpolate(small, size=(size, 1), mode="nearest").view(size, size).mT)
    return Separable(steps, size, plain)


def _inpaint(size: int, plain: dict[str, Any], T: int, sigma: Any, center: tuple[int, int] | None) -> Masks:
    pair = isinstance(center, list | tuple) and len(center) == 2
    if center is not None and not (pair and all(isinstance(c, int) and -size <= c < 2 * size for c in center)):
        raise ValueError(f"center = {center!r}: give (row, col) as whole pixels in {-size}..{2 * size - 1}")
    return Masks(_sigmas(sigma, T), size, center, plain)

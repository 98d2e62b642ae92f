"""Degradations D(x0, t) of the paper (section 5.1-5.3): blur, pixelation, growing masks; and `make`, which finds every task.

Every degradation of the paper is linear, so its t-fold recursion has a closed form whose cost does not depend on t: blur and pixelation
are A_t x A_t^T with one (size, size) matrix per severity, masks are one table over the squared distance to the mask's centre. All three
only scale coefficients, in a basis of their own (bases.py). Conventions: x0 is float32 in [-1, 1], shape (B, C, size, size); t is an
int or a LongTensor (B,) in 0..T; D(x0, 0) is x0 bit for bit.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from colddiff_nb.data.names import channels, check_whole, data_set
from colddiff_nb.degradations.bases import Linear, Separable, cosines, haar, waves
from colddiff_nb.degradations.contract import Degradation, check_measurement_precision
from colddiff_nb.degradations.others import Decolour, Line, Noise, Snow, blur_to_the_mean

TASKS = ("deblur", "superres", "inpaint")  # the paper's, with tables and shipped weights


class Masks(Linear):
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

    def centers(self) -> Tensor:
        """Every centre that `draw` can take where none is given, all equally likely: (n, 2), row and column."""
        return torch.cartesian_prod(torch.arange(-1, self.size), torch.arange(-1, self.size))

    def mask(self, t: Tensor, centers: Tensor) -> Tensor:
        """Transmission in [0, 1], (B, 1, size, size): 0 where the image is erased. centers is (B, 2), row and column."""
        squared = (self.pixels.view(1, -1, 1) - centers[:, 0].view(-1, 1, 1)) ** 2 \
            + (self.pixels.view(1, 1, -1) - centers[:, 1].view(-1, 1, 1)) ** 2  # (B, size, size)
        return self.table[t.view(-1, 1, 1), squared].unsqueeze(1)

    def gains_at(self, t: Tensor, randomness: Tensor) -> Tensor:
        centers = randomness if self.center is None else torch.tensor([self.center], device=t.device).expand(len(t), 2)
        return self.mask(t, centers)

    def trusted(self, measurement_precision: str) -> float:
        """In float32 all but the centre could be divided out, which is no inpainting any more."""
        return 0.05


class Bicubic(Degradation):
    """Pixelation as the official command line makes it: bicubic to half the resolution, t times.

    Nearest upsampling brings each back to `size`. No basis is common to all severities, so it has no projection."""

    matrices: Tensor

    def __init__(self, T: int, size: int, options: dict[str, Any]):
        super().__init__(T, size, options)
        A = torch.eye(size, dtype=torch.float64).view(1, size, size, 1)  # channel i is what becomes of an impulse at i
        matrices = [A]
        for s in range(1, T + 1):
            small = F.interpolate(matrices[-1], size=(size // 2 ** s, 1), mode="bicubic")
            matrices.append(F.interpolate(small, size=(size, 1), mode="nearest"))
        self.register_buffer("matrices", torch.cat(matrices).squeeze(-1).mT.contiguous(), persistent=False)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)
        return (A @ x0.double() @ A.mT).to(x0.dtype)


def measure(x_T: Tensor, measurement_precision: str) -> Tensor:
    """x_T as an instrument gives it: unchanged ("float32"), or rounded to the 256 levels of an 8-bit image ("8bit")."""
    check_measurement_precision(measurement_precision)
    if measurement_precision == "float32":
        return x_T
    return ((x_T.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def make(task: str, dataset: str = "mnist", *, size: int = 32, T: int | None = None, **options: Any) -> Degradation:
    """The degradation of a task for a data set.

    task: the paper's "deblur", "superres", "inpaint"; those of others.py; your own, see `register`. dataset: grey sets take
    the paper's MNIST settings, others those of CIFAR-10.
    options: deblur `kernel` (odd taps), `sigma` (a number, or (first, step)), `padding` ("circular" | "reflect");
    superres `pooling` ("area" | "bicubic"); inpaint `center=(row, col)`, `sigma=(first, step)` in pixels; line `end` (a task).
    Raises ValueError (one line) for an unknown task, data set or option, and sizes or values that cannot be.
    """
    dataset = data_set(dataset)
    if not isinstance(task, str) or task not in MAKERS:
        raise ValueError(f"unknown task {task!r}: choose one of {', '.join(MAKERS)}")
    for value, most in ((size, 128), (1 if T is None else T, 1_000)):
        check_whole(value, 1, most, f"size = {size!r}, T = {T!r}: both must be at least 1, at most 128 and 1,000")
    maker, defaults = MAKERS[task]
    if task == "deblur" and channels(dataset) == 1:
        defaults = {"T": 40, "kernel": 11, "sigma": (7.0, 0.0), "padding": "circular"}
    unknown = set(options) - set(defaults)
    if unknown:
        raise ValueError(f"{task} has no option {', '.join(sorted(unknown))}: choose from {', '.join(defaults)}, size")
    chosen = defaults | options | ({} if T is None else {"T": T})
    return maker(size, {"task": task, "dataset": dataset, "size": size} | chosen, **chosen)


def register(task: str, maker: Callable[..., Degradation], **defaults: Any) -> None:
    """Let `make` and recipes find a degradation of your own: maker(size, options, **chosen), a class for example.

    defaults: T and the values of further options, all plain; `chosen` are these with what `make` was given. options is what to hand
    on to Degradation: `make(**options)` builds the same again. A name of the package's is a ValueError."""
    if task in BUILT_IN:
        raise ValueError(f"{task} is a task of the package: register yours under another name")
    check_whole(defaults.get("T"), 1, 1_000, f"{task} has no default T: register({task!r}, maker, T=20)")
    MAKERS[task] = maker, defaults


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
    check_whole(kernel, 1, 2 * size - 1, misfit)
    if kernel % 2 == 0:
        raise ValueError(misfit)
    basis, angles = (waves if padding == "circular" else cosines)(size)
    taps = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    weights = torch.exp(-taps ** 2 / (2 * _sigmas(sigma, T).unsqueeze(1) ** 2))  # (T, kernel)
    weights /= weights.sum(1, keepdim=True)
    steps = weights @ (taps.unsqueeze(1) * angles).cos()  # (T, size): the gain of each wave in each step
    return Separable(basis, steps, plain)


def _superres(size: int, plain: dict[str, Any], T: int, pooling: str) -> Degradation:
    if pooling not in ("area", "bicubic"):
        raise ValueError(f"pooling = {pooling!r}: choose area or bicubic")
    if size % 2 ** T:
        raise ValueError(f"size = {size} cannot be halved T = {T} times: choose a multiple of {2 ** T}, or a smaller T")
    if pooling == "bicubic":
        return Bicubic(T, size, plain)
    basis, sides = haar(size, T)
    return Separable(basis, (sides >= 2 ** torch.arange(1, T + 1).unsqueeze(1)).double(), plain)  # kept or dropped


def _inpaint(size: int, plain: dict[str, Any], T: int, sigma: Any, center: tuple[int, int] | None) -> Masks:
    pair = isinstance(center, list | tuple) and len(center) == 2
    if center is not None and not (pair and all(isinstance(c, int) and -size <= c < 2 * size for c in center)):
        raise ValueError(f"center = {center!r}: give (row, col) as whole pixels in {-size}..{2 * size - 1}")
    return Masks(_sigmas(sigma, T), size, center, plain)


def _line(size: int, plain: dict[str, Any], T: int, end: str) -> Line:
    return Line(size, plain, T, make(end, plain["dataset"], size=size))


MAKERS: dict[str, tuple[Callable[..., Degradation], dict[str, Any]]] = {  # a task's maker, and its options with their defaults
    "deblur": (_blur, {"T": 50, "kernel": 11, "sigma": (0.35, 0.01), "padding": "reflect"}),
    "superres": (_superres, {"T": 3, "pooling": "area"}),
    "inpaint": (_inpaint, {"T": 50, "sigma": (1.1, 0.1), "center": None}),
    "decolour": (Decolour, {"T": 20}), "noise": (Noise, {"T": 200}), "mean": (blur_to_the_mean, {"T": 40}),
    "line": (_line, {"T": 20, "end": "superres"}), "snow": (Snow, {"T": 200})}
BUILT_IN = tuple(MAKERS)

"""The paper's degradations (sections 5.1 to 5.3): blur, pixelation, growing masks; `make` finds every task.

Each is a recursion, x_t made from x_{t-1}. All only scale coefficients (bases.py), so the gains of t steps
are a product, and D costs the same at every t.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from colddiff_nb.data.names import channels, check_whole, data_set
from colddiff_nb.degradations.bases import Linear, Separable, cosines, haar, waves
from colddiff_nb.degradations.contract import Degradation, check_precision
from colddiff_nb.degradations.others import Decolour, Line, Noise, Snow, blur_to_the_mean

TASKS = ("deblur", "superres", "inpaint")  # the paper's, with tables and shipped weights


class Masks(Linear):
    """Inpainting: x_t = x0 * prod_{i <= t} (1 - exp(-|p - c|^2 / (2 sigma_i^2))). Erased means 0, mid-grey.

    The product depends on |p - c|^2 alone, an integer: `table` (T + 1, largest distance + 1) holds it.

    Args:
        sigmas: (T,), in pixels.
        center: (row, column) for all images; None draws one an image, over rows and columns -1..size - 1.
    """

    table: Tensor
    pixels: Tensor
    # Float32 could undo all but the centre, which is no inpainting any more.
    trusted = {"float32": 0.05, "8bit": 0.05}

    def __init__(self, sigmas: Tensor, size: int, center: tuple[int, int] | None, options: dict[str, Any]):
        super().__init__(size, options, len(sigmas))
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
        """Return every center that can be drawn, all equally likely: (n, 2), row and column."""
        return torch.cartesian_prod(torch.arange(-1, self.size), torch.arange(-1, self.size))

    def gains_at(self, t: Tensor, centers: Tensor) -> Tensor:
        """Return masks (B, 1, size, size), 0 where erased; centers (B, 2), or (B, 0) for the given one."""
        if not centers.shape[1]:
            centers = torch.tensor([self.center], device=t.device).expand(len(t), 2)
        squared = (self.pixels.view(1, -1, 1) - centers[:, 0].view(-1, 1, 1)) ** 2 \
            + (self.pixels.view(1, 1, -1) - centers[:, 1].view(-1, 1, 1)) ** 2  # (B, size, size)
        return self.table[t.view(-1, 1, 1), squared].unsqueeze(1)


class Bicubic(Degradation):
    """Pixelation as the official command line makes it: t times bicubic to half the size, then nearest.

    No basis is common to all severities, so it has no gains and no projection.
    """

    matrices: Tensor  # (T + 1, size, size), float64

    def __init__(self, size: int, options: dict[str, Any], T: int):
        super().__init__(size, options, T)
        matrices = [torch.eye(size, dtype=torch.float64).view(1, size, size, 1)]  # channel i: an impulse at i
        for s in range(1, T + 1):
            small = F.interpolate(matrices[-1], size=(size // 2 ** s, 1), mode="bicubic")
            matrices.append(F.interpolate(small, size=(size, 1), mode="nearest"))
        self.register_buffer("matrices", torch.cat(matrices).squeeze(-1).mT.contiguous(), persistent=False)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)
        return (A @ x0.double() @ A.mT).to(x0.dtype)


def measure(x_T: Tensor, measurement_precision: str) -> Tensor:
    """Return x_T as an instrument gives it: unchanged ("float32"), or in 256 levels ("8bit")."""
    check_precision(measurement_precision)
    if measurement_precision == "float32":
        return x_T
    return ((x_T.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def make(task: str, dataset: str = "mnist", *, size: int = 32, T: int | None = None,
         **options: Any) -> Degradation:
    """Return the degradation of a task for a data set.

    Args:
        task: the paper's "deblur", "superres", "inpaint"; one of others.py; your own, see `register`.
        dataset: deblurring of grey sets has the paper's MNIST settings, of others those of CIFAR-10.
        size: of the images, in pixels. The paper's numbers are for 32. At other sizes masks widen with the
            image, pixelation ends at size / 2^T, and a blur keeps its kernel and widths in pixels.
        T: the largest severity; None for the task's own.
        **options: deblur `kernel` (odd taps), `sigma` (a number, or (first, step), in pixels), `padding`
            ("circular" or "reflect"); superres `pooling` ("area" or "bicubic"); inpaint `center=(row, col)`,
            `sigma`; line `end` (a task).

    Raises:
        ValueError: unknown task, data set or option, and values that cannot be.
    """
    dataset = data_set(dataset)
    if not isinstance(task, str) or task not in MAKERS:
        raise ValueError(f"unknown task {task!r}: choose one of {', '.join(MAKERS)}")
    limits = f"size = {size!r}, T = {T!r}: both must be at least 1, at most 128 and 1,000"
    check_whole(size, 1, 128, limits)
    check_whole(1 if T is None else T, 1, 1_000, limits)
    maker, defaults = MAKERS[task]
    if task == "deblur" and channels(dataset) == 1:
        defaults = {"T": 40, "kernel": 11, "sigma": (7.0, 0.0), "padding": "circular"}
    if task == "inpaint":
        defaults = defaults | {"sigma": tuple(width * size / 32 for width in defaults["sigma"])}
    if unknown := ", ".join(sorted(set(options) - set(defaults))):
        raise ValueError(f"{task} has no option {unknown}: choose from {', '.join(defaults)}, size")
    chosen = defaults | options | ({} if T is None else {"T": T})
    return maker(size, {"task": task, "dataset": dataset, "size": size} | chosen, **chosen)


def register(task: str, maker: Callable[..., Degradation], **defaults: Any) -> None:
    """Let `make` and recipes find a degradation of your own.

    Args:
        maker: called as maker(size, options, **chosen), a class for example. options is what to hand on to
            Degradation, chosen are the defaults with what `make` was given.
        **defaults: T and the values of further options, all plain.

    Raises:
        ValueError: the name is one of the package's, or T is missing.
    """
    if task in BUILT_IN:
        raise ValueError(f"{task} is a task of the package: register yours under another name")
    check_whole(defaults.get("T"), 1, 1_000, f"{task} has no default T: register({task!r}, maker, T=20)")
    MAKERS[task] = maker, defaults


def _sigmas(sigma: float | tuple[float, float], T: int) -> Tensor:
    pair = (sigma, 0.0) if isinstance(sigma, int | float) else sigma
    two = isinstance(pair, list | tuple) and len(pair) == 2
    if not two or not all(isinstance(x, int | float) and abs(x) <= 1e6 for x in pair):
        raise ValueError(f"sigma = {sigma!r}: give pixels as a number, or as (first, step)")
    sigmas = pair[0] + pair[1] * torch.arange(T, dtype=torch.float64)
    if sigmas.min() < 0.01:
        raise ValueError(f"sigma = {sigma} gives a width of {sigmas.min():.3g} pixels within {T} steps: "
                         "every width must be positive, 0.01 or more")
    return sigmas


def _blur(size: int, plain: dict[str, Any], T: int, kernel: int, sigma: Any, padding: str) -> Separable:
    if padding not in ("circular", "reflect"):
        raise ValueError(f"padding = {padding!r}: choose circular or reflect")
    most = 2 * size - 1
    misfit = f"kernel = {kernel!r} does not fit images of size {size}: it must be odd and at most {most}"
    check_whole(kernel, 1, most, misfit)
    if kernel % 2 == 0:
        raise ValueError(misfit)
    basis, angles = (waves if padding == "circular" else cosines)(size)
    taps = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    weights = torch.exp(-taps ** 2 / (2 * _sigmas(sigma, T).unsqueeze(1) ** 2))  # (T, kernel)
    weights /= weights.sum(1, keepdim=True)
    return Separable(basis, weights @ (taps.unsqueeze(1) * angles).cos(), plain)


def _superres(size: int, plain: dict[str, Any], T: int, pooling: str) -> Degradation:
    if pooling not in ("area", "bicubic"):
        raise ValueError(f"pooling = {pooling!r}: choose area or bicubic")
    if size % 2 ** T:
        raise ValueError(f"size = {size} cannot be halved T = {T} times: "
                         f"choose a multiple of {2 ** T}, or a smaller T")
    if pooling == "bicubic":
        return Bicubic(size, plain, T)
    basis, sides = haar(size, T)
    kept = sides >= 2 ** torch.arange(1, T + 1).unsqueeze(1)  # (T, size)
    return Separable(basis, kept.double(), plain)


def _inpaint(size: int, plain: dict[str, Any], T: int, sigma: Any, center: tuple[int, int] | None) -> Masks:
    two = isinstance(center, list | tuple) and len(center) == 2
    near = two and all(isinstance(c, int) and -size <= c < 2 * size for c in center or ())
    if center is not None and not near:
        raise ValueError(f"center = {center!r}: give (row, col) as whole pixels in {-size}..{2 * size - 1}")
    return Masks(_sigmas(sigma, T), size, center, plain)


def _line(size: int, plain: dict[str, Any], T: int, end: str) -> Line:
    return Line(size, plain, T, make(end, plain["dataset"], size=size))


# By task: its maker, and its options with their defaults.
MAKERS: dict[str, tuple[Callable[..., Degradation], dict[str, Any]]] = {
    "deblur": (_blur, {"T": 50, "kernel": 11, "sigma": (0.35, 0.01), "padding": "reflect"}),
    "superres": (_superres, {"T": 3, "pooling": "area"}),
    "inpaint": (_inpaint, {"T": 50, "sigma": (1.1, 0.1), "center": None}),
    "decolour": (Decolour, {"T": 20}),
    "noise": (Noise, {"T": 200}),
    "mean": (blur_to_the_mean, {"T": 40}),
    "line": (_line, {"T": 20, "end": "superres"}),
    "snow": (Snow, {"T": 200}),
}
BUILT_IN = tuple(MAKERS)

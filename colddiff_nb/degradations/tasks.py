"""The paper's degradations (sections 5.1 to 5.3): blur, pixelation, growing masks; `make` finds every task.

Each is a recursion, x_t made from x_{t-1}. All only scale coefficients (bases.py), so the gains of t steps
are a product, and D costs the same at every t.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from colddiff_nb.data.names import channels, check_choice, check_whole, data_set
from colddiff_nb.degradations.bases import Linear, Separable, cosines, haar, waves
from colddiff_nb.degradations.contract import PRECISIONS, Degradation
from colddiff_nb.degradations.others import Decolour, Line, Noise, Snow, blur_to_the_mean

TASKS = ("deblur", "superres", "inpaint")  # the paper's, with tables and shipped weights
IN_WORDS = {"superres": "pixelation", "inpaint": "masks", "deblur": "blur"}  # in the order of the demo


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
        squared = torch.arange(2 * (2 * size) ** 2 + 1, dtype=torch.float64)
        factors = 1 - torch.exp(-squared / (2 * sigmas.view(-1, 1) ** 2))  # (T, distances)
        table = torch.cat([torch.ones_like(factors[:1]), factors.cumprod(0)]).float()
        super().__init__(size, options, len(sigmas), table=table, pixels=torch.arange(size))
        self.center = center

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
            centers = torch.tensor([self.center], dtype=torch.long, device=t.device).expand(len(t), 2)
        rows, columns = (self.pixels - centers.unsqueeze(-1)).square().unbind(1)  # (B, size) each
        squared = rows.unsqueeze(2) + columns.unsqueeze(1)  # (B, size, size)
        return self.table[t.view(-1, 1, 1), squared].unsqueeze(1)


class Bicubic(Degradation):
    """Pixelation as the official command line makes it: t times bicubic to half the size, then nearest.

    No basis is common to all severities, so it has no gains and no projection.
    """

    matrices: Tensor  # (T + 1, size, size), float64

    def __init__(self, size: int, options: dict[str, Any], T: int):
        matrices = [torch.eye(size, dtype=torch.float64).view(1, size, size, 1)]  # channel i: an impulse at i
        for s in range(1, T + 1):
            small = F.interpolate(matrices[-1], size=(size // 2 ** s, 1), mode="bicubic")
            matrices.append(F.interpolate(small, size=(size, 1), mode="nearest"))
        super().__init__(size, options, T, matrices=torch.cat(matrices).squeeze(-1).mT.contiguous())

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)
        return A @ x0.double() @ A.mT


def measure(x_T: Tensor, measurement_precision: str) -> Tensor:
    """Return x_T as an instrument gives it: unchanged ("float32"), or in 256 levels ("8bit")."""
    check_choice("measurement_precision", measurement_precision, PRECISIONS)
    if measurement_precision == "float32":
        return x_T
    return ((x_T.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def make(task: str, dataset: str = "mnist", *, size: int = 32, T: int | None = None,
         **options: Any) -> Degradation:
    """Return the degradation of a task for a data set.

    Args:
        task: the paper's "deblur", "superres", "inpaint"; one of others.py; your own, see `register`.
        dataset: deblurring of grey sets has the paper's MNIST settings, of others those of CIFAR-10.
        size: of the images, 2 to 128 pixels. The paper's numbers are for 32. At other sizes masks widen with
            the image, pixelation ends at size / 2^T, and a blur keeps its kernel and widths in pixels.
        T: the largest severity, up to 1,000; None for the task's own.
        **options: deblur `kernel` (odd taps), `sigma` (a number, or (first, step), in pixels), `padding`
            ("circular" or "reflect"); superres `pooling` ("area" or "bicubic"); inpaint `center=(row, col)`,
            `sigma`; line `end` (a task).

    Raises:
        ValueError: unknown task, data set or option, and values that cannot be.
    """
    dataset = data_set(dataset)
    check_choice("task", task, MAKERS)
    maker, defaults = MAKERS[task]
    if task == "deblur" and channels(dataset) == 1:
        defaults = {"T": 40, "kernel": 11, "sigma": (7.0, 0.0), "padding": "circular"}
    chosen = defaults | options | ({} if T is None else {"T": T})
    check_whole(size, 2, 128, f"size = {size!r}: give pixels, 2 to 128")
    check_whole(chosen["T"], 1, 1_000, f"T = {T!r}: give the largest severity, 1 to 1,000")
    if unknown := ", ".join(sorted(set(options) - set(defaults))):
        raise ValueError(f"{task} has no option {unknown}: choose from {', '.join(defaults)}, size")
    if task == "inpaint" and "sigma" not in options:
        chosen["sigma"] = tuple(width * size / 32 for width in defaults["sigma"])
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


def _sigmas(sigma: Any, T: int) -> Tensor:
    """Return the width of each step (T,), from a number or from (first, step)."""
    with suppress(TypeError, ValueError, OverflowError):  # of what is no number
        first, step = sigma if isinstance(sigma, list | tuple) else (sigma, 0)
        sigmas = float(first) + float(step) * torch.arange(T, dtype=torch.float64)
        if 0.01 <= sigmas.min() <= sigmas.max() <= 1e6:
            return sigmas
    raise ValueError(f"sigma = {sigma!r}: give a number of pixels, or (first, step) for the {T} steps; "
                     "every width must be at least 0.01")


def _blur(size: int, plain: dict[str, Any], T: int, kernel: int, sigma: Any, padding: str) -> Separable:
    check_choice("padding", padding, ("circular", "reflect"))
    if kernel not in range(1, 2 * size, 2):
        raise ValueError(f"kernel = {kernel!r}: give an odd number of pixels, "
                         f"at most {2 * size - 1} for images of {size}")
    basis, angles = (waves if padding == "circular" else cosines)(size)
    taps = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    weights = torch.exp(-taps ** 2 / (2 * _sigmas(sigma, T).unsqueeze(1) ** 2))  # (T, kernel)
    weights /= weights.sum(1, keepdim=True)
    return Separable(basis, weights @ (taps.unsqueeze(1) * angles).cos(), plain)


def _superres(size: int, plain: dict[str, Any], T: int, pooling: str) -> Degradation:
    check_choice("pooling", pooling, ("area", "bicubic"))
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
    if center is not None and not (two and all(c in range(-size, 2 * size) for c in center)):
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

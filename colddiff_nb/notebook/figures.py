"""One painter for slider, strip and GIF: what direct reconstruction, Algorithm 1 and Algorithm 2 do to one image; tables; curves.

A frame is painted in a few milliseconds from a Comparison alone; only `compare` calls the network. Numbers and colour bars are on
the [0, 1] scale. Colour scales are fixed over all k and both algorithms, so that frames can be compared; that of the steps is a cube
root, as the last step often adds a hundred times more than the first. Steps and errors of colour images are means over the channels.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colddiff_nb.data.pixels import to_float, to_uint8
from colddiff_nb.notebook.paint import BLUE, CIVIDIS, GREY, GREYS, INK, PUOR, RULE, VERMILLION, Page, colour_table, coloured, grid, nice, picture, png
from colddiff_nb.sampling import Trajectory, algorithm1, algorithm2, severities

__all__ = ["Comparison", "compare", "curves", "describe", "frame", "gif", "grid", "panels", "png", "readout", "strip"]
ALGORITHMS = {  # in the order of the rows: name, rule, colour, marker
    "algorithm2": ("Algorithm 2", "x_{s–1} = x_{s} – D(x̂_{0}, s) + D(x̂_{0}, s–1)", BLUE, "disc"),
    "algorithm1": ("Algorithm 1", "x_{s–1} = D(x̂_{0}, s–1)", VERMILLION, "square"),
}
PANEL = 128  # the frame's plan is in pixels at 128 an image; all of it scales with the image
ROWS, COLUMNS, AXES = (124, 286), (194, 336, 478, 620), (60, 500, 470, 626)  # AXES of the curves: left, top, right, bottom


@dataclass(frozen=True, eq=False)
class Comparison:
    """One image restored in three ways: x0, x_T, direct (C, H, W) in [-1, 1], H = W; both trajectories of batch size 1.

    k = 0..steps counts the steps done. Raises ValueError where the trajectories do not visit the same severities."""

    x0: Tensor
    x_T: Tensor
    algorithm2: Trajectory
    algorithm1: Trajectory
    direct: Tensor
    title: str = ""

    def __post_init__(self):
        if self.algorithm2.severities != self.algorithm1.severities:
            raise ValueError(f"Algorithm 2 took {self.algorithm2.severities}, Algorithm 1 {self.algorithm1.severities}: give both the same T")

    @property
    def steps(self) -> int:
        return len(self.algorithm2.severities)

    def severity(self, k: int) -> int:
        """s of the state after k steps; ValueError for k outside 0..steps."""
        if not 0 <= k <= self.steps:
            raise ValueError(f"k = {k} steps done lies outside 0..{self.steps}, the steps of this comparison")
        return [*self.algorithm2.severities, 0][k]

    def state(self, name: str, k: int) -> Tensor:
        """x_s after k steps of an algorithm, (C, H, W)."""
        return getattr(self, name).x[k][0]

    def prediction(self, name: str, k: int) -> Tensor:
        """x0_hat made from the state after k steps, (C, H, W); at the end, where none is left to make, the last one."""
        return getattr(self, name).x0_hat[min(k, self.steps - 1)][0]

    def added(self, name: str, k: int) -> Tensor:
        """x_{s-1} - x_s on the [0, 1] scale, (H, W): what the step from state k adds; zero at the end."""
        return (self.state(name, min(k + 1, self.steps)) - self.state(name, k)).mean(0) / 2

    def error(self, name: str, k: int) -> Tensor:
        """|x0_hat - x0| on [0, 1], (H, W)."""
        return self._off(self.prediction(name, k)).abs().mean(0)

    def _off(self, x: Tensor) -> Tensor:
        return (x.clamp(-1, 1) - self.x0.clamp(-1, 1)) / 2

    @cached_property
    def limits(self) -> list[float]:
        """Where the colour scales of `added` and `error` end: beyond 99.8 % of the pixels of all k and both algorithms."""
        every = [(name, k) for name in ALGORITHMS for k in range(self.steps)]
        return [nice(float(np.quantile([of(*one).abs().numpy() for one in every], 0.998))) for of in (self.added, self.error)]

    @cached_property
    def rmse(self) -> dict[str, list[float]]:
        """RMSE on [0, 1], clamped as in the tables: of "direct", and for k = 0..steps of "algorithm2 state" and so on."""
        shown = {"direct": [self.direct]}
        for name in ALGORITHMS:
            shown[f"{name} state"] = [self.state(name, k) for k in range(self.steps + 1)]
            shown[f"{name} prediction"] = [self.prediction(name, k) for k in range(self.steps + 1)]
        return {key: [float(self._off(x).square().mean().sqrt()) for x in many] for key, many in shown.items()}


def compare(restore, degrade, x0: Tensor, title: str = "", measurement_precision: str = "float32",
            T: int | Sequence[int] | None = None) -> Comparison:
    """Degrade x0 (1, C, H, W) in [-1, 1] and restore it in all three ways, once. A random `degrade` must be drawn for this image.

    measurement_precision "8bit" rounds x_T to 256 levels; T as in the samplers. Raises ValueError for another precision or batch size."""
    if measurement_precision not in ("float32", "8bit"):
        raise ValueError(f"measurement_precision {measurement_precision!r}: give 'float32' or '8bit'")
    if x0.ndim != 4 or len(x0) != 1:
        raise ValueError(f"x0 has shape {tuple(x0.shape)}: give one image (1, C, H, W), such as x0[:1]")
    x_T = degrade(x0, severities(degrade, T)[0])
    x_T = to_float(to_uint8(x_T)) if measurement_precision == "8bit" else x_T
    both = [sampler(restore, degrade, x_T, T, trajectory=True) for sampler in (algorithm2, algorithm1)]
    both = [replace(one, x=[x.cpu() for x in one.x], x0_hat=[x.cpu() for x in one.x0_hat]) for one in both]
    return Comparison(x0[0].cpu(), x_T[0].cpu(), both[0], both[1], both[0].x0_hat[0][0], title)  # direct is the first prediction


def frame(comparison: Comparison, k: int, stretch: bool = False, scale: int = 4) -> Image.Image:
    """The explorer's picture after k steps, 770 x 668 where image size x scale = 128. Raises ValueError for k outside 0..steps."""
    s, page = comparison.severity(k), _background(comparison, stretch, scale)
    page = Page(0, 0, page.zoom, page.image.copy())
    page.write(22, 60, readout(comparison, k), 14, GREY)
    adds = f"adds x_{{{comparison.severity(k + 1)}}} – x_{{{s}}}" if k < comparison.steps else "adds nothing: done"
    for left, text in zip(COLUMNS, (f"state x_{{{s}}}" + ", stretched" * stretch, "prediction x̂_{0}", adds, "error |x̂_{0} – x_{0}|")):
        page.write(left, 91, text)
    for name, top, line in zip(ALGORITHMS, ROWS, (548, 574)):
        for left, panel in zip(COLUMNS, panels(comparison, name, k, stretch)):
            page.paste(panel, left, top, PANEL, PANEL)
        for x, what in ((682, "state"), (748, "prediction")):
            page.write(x, line, f"{comparison.rmse[f'{name} {what}'][k]:.3f}", align=1)
    page.line([_at(comparison, k, 0), _at(comparison, k, _heights(comparison)[-1])])
    return page.image


def panels(comparison: Comparison, name: str, k: int, stretch: bool = False) -> list[Image.Image]:
    """An algorithm's state, the prediction made from it, what the next step adds (at the end nothing), error: each as large as the image."""
    added = comparison.added(name, k) / comparison.limits[0]
    return [picture(comparison.state(name, k), stretch), picture(comparison.prediction(name, k)),
            coloured(added.sign() * added.abs() ** (1 / 3) / 2 + 0.5, PUOR), coloured(comparison.error(name, k) / comparison.limits[1], CIVIDIS)]


@lru_cache(maxsize=8)
def _background(comparison: Comparison, stretch: bool, scale: int) -> Page:
    """What no step changes: titles, target, start, colour bars, curves; painted three times as large and reduced, for smooth lines."""
    page = Page(770, 668, 3 * scale * comparison.x0.shape[-1] / PANEL)
    title = comparison.title or "Direct, Algorithm 1 and Algorithm 2"
    page.write(22, 36, title, 20 * min(1, 720 / Page(1, 1, page.zoom).write(0, 0, title, 20)))
    page.write(22, ROWS[0] - 9, "target x_{0}")
    page.write(22, ROWS[1] - 9, "start x_{T}" + ", stretched" * stretch)
    page.paste(picture(comparison.x0), 22, ROWS[0], PANEL, PANEL)
    page.paste(picture(comparison.x_T, stretch), 22, ROWS[1], PANEL, PANEL)
    adds, error = comparison.limits
    bars = ((GREYS, ("min", "max") if stretch else ("0", "1")), (GREYS, ("0", "1")), (PUOR, (f"–{adds:g}", "0", f"+{adds:g}")),
            (CIVIDIS, ("0", f"{error:g}")))
    for left, (table, ticks) in zip(COLUMNS, bars):
        page.paste(Image.fromarray(table[None]), left, 424, PANEL, 8)
        for i, tick in enumerate(ticks):
            page.write(left + PANEL * i / (len(ticks) - 1), 448, tick, 12, GREY, i / (len(ticks) - 1))
    page.write(COLUMNS[2] + PANEL / 2, 464, "cube-root scale", 12, GREY, 0.5)
    page.write(22, 480, "RMSE against steps done")
    for value in _heights(comparison):
        page.line([_at(comparison, 0, value), _at(comparison, comparison.steps, value)], RULE)
        page.write(AXES[0] - 8, _at(comparison, 0, value)[1] + 4, f"{value:.2g}", 12, GREY, 1)
    for k in range(0, comparison.steps + 1, max(1, int(nice(comparison.steps / 8)))):
        page.write(_at(comparison, k, 0)[0], AXES[3] + 18, str(k), 12, GREY, 0.5)
    for x, text, dash in ((682, "x_{s}", 0), (748, "x̂_{0}", 4)):
        page.write(x, 514, text, align=1)
        page.line([(x - 36, 525), (x, 525)], INK, 2, dash)
    page.line([_at(comparison, k, comparison.rmse["direct"][0]) for k in (0, comparison.steps)], INK, 1.5, 2)
    page.line([(514, 595), (550, 595)], INK, 1.5, 2)
    page.write(560, 600, "direct")
    page.write(748, 600, f"{comparison.rmse['direct'][0]:.3f}", align=1)
    apart = max(1, comparison.steps // 8)  # between markers
    for row in (1, 0):  # Algorithm 2 comes last and thinner, its markers between the others: seen also where the curves coincide
        name, (label, rule, colour, shape) = list(ALGORITHMS.items())[row]
        width, line = (1.6, 548) if row == 0 else (4, 574)
        page.write(COLUMNS[0], ROWS[row] - 9, f"{label}:   {rule}", 14, colour)
        page.write(560, line, label, 14, colour)
        page.line([(514, line - 5), (550, line - 5)], colour, width)
        page.marker(532, line - 5, shape, colour, colour)
        for what, dash, fill in (("state", 0, colour), ("prediction", 4, "white")):
            points = [_at(comparison, k, value) for k, value in enumerate(comparison.rmse[f"{name} {what}"])]
            page.line(points, colour, width, dash)
            for point in points[row * (apart // 2)::apart]:
                page.marker(*point, shape, fill, colour)
    return Page(0, 0, page.zoom / 3, page.image.reduce(3))


def _heights(comparison: Comparison) -> list[float]:
    """The ruled heights of the curves' axes, from 0 to above every RMSE."""
    most = max(max(values) for values in comparison.rmse.values())
    step = nice(most / 4)
    return [step * i for i in range(max(1, math.ceil(most / step)) + 1)]


def _at(comparison: Comparison, k: int, value: float) -> tuple[float, float]:
    """Where the curves' axes have k and value."""
    left, top, right, bottom = AXES
    return left + (right - left) * k / comparison.steps, bottom - (bottom - top) * value / _heights(comparison)[-1]


def readout(comparison: Comparison, k: int) -> str:
    """The label beside a slider. Its RMSE is what Algorithm 2 has if it stops here: the prediction, in the end x_0."""
    s, rmse = comparison.severity(k), comparison.rmse
    stopped = rmse["algorithm2 prediction" if k < comparison.steps else "algorithm2 state"][k]
    return f"step {k} of {comparison.steps}, s = {s}, RMSE {stopped:.3f} (direct {rmse['direct'][0]:.3f})"


def describe(comparison: Comparison, k: int) -> str:
    """One sentence that says what the frame shows, for readers who do not see it."""
    s, rmse = comparison.severity(k), comparison.rmse
    rows = "; ".join(f"{label}: state {rmse[f'{name} state'][k]:.3f}, prediction {rmse[f'{name} prediction'][k]:.3f}"
                     for name, (label, *_) in ALGORITHMS.items())
    return (f"{comparison.title or 'One image'} after {k} of {comparison.steps} steps, severity {s}: pictures of state, prediction, what the "
            f"next step adds and error, and curves of RMSE. RMSE here: {rows}; direct reconstruction: {rmse['direct'][0]:.3f}.")


def gif(comparison: Comparison, path: str | Path, stretch: bool = False, scale: int = 4, seconds: float = 8) -> Path:
    """Write the frames of k = 0..steps as an endless GIF that takes `seconds` and then rests for two; returns its path."""
    blends = [colour_table(f"ffffff {colour[1:]}")[51::51] for colour in (BLUE, VERMILLION)]
    own = np.reshape(picture(comparison.x0).quantize(90).getpalette() or [], (-1, 3))
    palette = Image.new("P", (1, 1))  # one for all frames, so that colours do not flicker
    palette.putpalette(np.concatenate([GREYS[::5], PUOR[::5], CIVIDIS[::5], *blends, own]).ravel().tolist())
    frames = [frame(comparison, k, stretch, scale).quantize(palette=palette, dither=Image.Dither.NONE) for k in range(comparison.steps + 1)]
    pauses = [round(1000 * seconds / len(frames))] * len(frames)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[*pauses[1:], pauses[0] + 2000], loop=0)
    return Path(path)


def strip(comparison: Comparison, ks: Sequence[int] | None = None, scale: int = 3) -> Image.Image:
    """States and predictions of both algorithms after ks steps (default: six, evenly spaced), beside the target: for a page on paper."""
    ks = np.linspace(0, comparison.steps, min(6, comparison.steps + 1)).round().astype(int).tolist() if ks is None else ks
    columns = {f"k = {k}, s = {comparison.severity(k)}": torch.stack(
        [of(name, k) for name in ALGORITHMS for of in (comparison.state, comparison.prediction)]) for k in ks}
    rows = [f"{label} {what}" for label, *_ in ALGORITHMS.values() for what in ("x_{s}", "x̂_{0}")]
    return grid(columns | {"target x_{0}": comparison.x0.expand(4, -1, -1, -1)}, scale, rows, comparison.title)


def curves(source: Any, columns: Sequence[str] = (), x: str = "step"):
    """Training curves: a matplotlib Figure, one panel for each column, over column x. source: a CSV file, a DataFrame or a list of dicts.

    columns default to all that hold numbers; empty cells are skipped. Raises FileNotFoundError; ValueError for a column that is not there."""
    import pandas
    from matplotlib.figure import Figure
    table = pandas.read_csv(source) if isinstance(source, (str, Path)) else pandas.DataFrame(source)
    columns = list(columns) or [name for name in table.select_dtypes("number") if name != x]
    missing = [name for name in (x, *columns) if name not in table]
    if missing or not columns:
        raise ValueError(f"curves have no column {', '.join(missing) or 'of numbers'}; they have: {', '.join(table)}")
    figure = Figure(figsize=(8, 0.6 + 1.8 * len(columns)), layout="constrained")
    for axes, name in zip(figure.subplots(len(columns), sharex=True, squeeze=False)[:, 0], columns):
        known = table[[x, name]].dropna()
        axes.plot(known[x], known[name], color=BLUE, marker="o" if len(known) <= 50 else "")
        axes.set(ylabel=name)
        axes.grid(color=RULE)
    axes.set(xlabel=x)
    return figure

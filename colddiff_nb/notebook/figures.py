"""Figures of a comparison: the frame after k steps, all frames as a GIF, some steps as a strip.

A frame is drawn by matplotlib in two parts: what no step changes is drawn once, and what changes
is drawn over a copy of it (blitting), in some ten milliseconds.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from colddiff_nb.notebook.comparison import NAMES, Comparison, compare, describe, readout
from colddiff_nb.notebook.pictures import INK, RULE, canvas, grid, image, picture, png

__all__ = ["Comparison", "compare", "describe", "frame", "gif", "grid", "picture", "png", "readout", "strip"]
GREY = "#666666"
WIDTH, HEIGHT, LEFT = 770, 690, 22  # of a frame, and its margin
PANEL, COLUMNS, ROWS = 128, (22, 172, 322, 472, 622), (126, 288)  # pictures in it: size and upper left corners
RULES = {"algorithm2": r"$x_{s-1} = x_s - D(\hat{x}_0, s) + D(\hat{x}_0, s-1)$",
         "algorithm1": r"$x_{s-1} = D(\hat{x}_0, s-1)$"}
LINES: dict[str, dict[str, Any]] = {  # colours of Okabe and Ito; where both coincide, the thin line lies on the broad one
    "algorithm2": {"color": "#0072b2", "marker": "o", "linewidth": 1.6, "zorder": 3},
    "algorithm1": {"color": "#d55e00", "marker": "s", "linewidth": 4, "zorder": 2},
}
STYLE: Any = {"font.size": 14, "legend.fontsize": 13, "xtick.labelsize": 12, "ytick.labelsize": 12, "text.color": INK,
         "axes.edgecolor": RULE, "xtick.color": GREY, "ytick.color": GREY, "axes.labelcolor": GREY, "axes.labelsize": 12}


def frame(comparison: Comparison, k: int, stretch: bool = False, scale: int = 4) -> Image.Image:
    """Paint states, predictions, steps and errors of both algorithms after k steps, and curves of RMSE.

    Colour scales are the same for all k and both algorithms, so frames can be compared.
    Raises ValueError for k outside 0..steps.
    """
    return _stage(comparison, stretch, scale).paint(k)


class _Stage:
    """A frame's figure: `paint` draws what is animated over a copy of the rest."""

    @matplotlib.rc_context(STYLE)
    def __init__(self, comparison: Comparison, stretch: bool, scale: int):
        self.comparison, self.stretch = comparison, stretch
        self.canvas = canvas(WIDTH, HEIGHT, scale * comparison.x0.shape[-1] / PANEL)
        self.figure = self.canvas.figure
        self.page = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))  # its coordinates are pixels
        self.page.axis("off")
        title = self.page.text(LEFT, 36, comparison.title, fontsize=20, parse_math=False)
        _shrink(title, (1 - 2 * LEFT / WIDTH) * self.figure.bbox.width)
        self.readout = self.page.text(LEFT, 60, "", color=GREY, animated=True)
        self._draw_panels()
        self._draw_curves()
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    def _draw_panels(self) -> None:
        """Two rows of five: what is given; an algorithm's state, prediction, step and error."""
        comparison, page, stretched = self.comparison, self.page, ", stretched" * self.stretch
        adds, error = comparison.limit(comparison.added), comparison.limit(comparison.error)
        cube_root = FuncNorm((np.cbrt, lambda y: y ** 3), -adds, adds)  # the last step often adds a hundred times more
        self.colours = ScalarMappable(cube_root, "PuOr"), ScalarMappable(Normalize(0, error), "cividis")
        for x, y in product(COLUMNS, ROWS):
            page.add_patch(Rectangle((x - 1, y - 1), PANEL + 2, PANEL + 2, color=RULE))  # seen as a thin border
        page.text(COLUMNS[0], ROWS[0] - 8, "target $x_0$")
        page.text(COLUMNS[0], ROWS[1] - 8, "start $x_T$" + stretched)
        for x, title in zip(COLUMNS[1:], ("state $x_s$" + stretched, r"prediction $\hat{x}_0$",
                                          "next step adds", r"error $|\hat{x}_0 - x_0|$")):
            page.text(x, ROWS[0] - 32, title)
        for y, (name, rule) in zip(ROWS, RULES.items()):
            page.text(COLUMNS[1], y - 8, f"{NAMES[name]}:  {rule}", color=LINES[name]["color"])
        for x, colours, ticks in zip(COLUMNS[3:], self.colours, ((-adds, 0, adds), (0, error))):
            place = page.inset_axes((x, ROWS[1] + PANEL + 10, PANEL, 8), transform=page.transData)
            bar = self.figure.colorbar(colours, place, orientation="horizontal", ticks=ticks, format="%.2g")
            bar.outline.set_visible(False)
            place.get_xticklabels()[0].set_horizontalalignment("left")
            place.get_xticklabels()[-1].set_horizontalalignment("right")
        page.text(COLUMNS[3], ROWS[1] + PANEL + 54, "cube-root scale", color=GREY, fontsize=12)

    def _draw_curves(self) -> None:
        """RMSE against steps done, and a legend beside the numbers after k steps."""
        scores, steps = self.comparison.rmse, self.comparison.steps
        self.page.text(66, 502, "RMSE")
        axes = self.page.inset_axes((66, 512, 400, 130), transform=self.page.transData)
        axes.set(xlim=(0, steps), ylim=(0, 1.1 * max(map(max, scores.values()))), xlabel="steps done")
        axes.locator_params(axis="x", integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=RULE)
        apart = max(1, steps // 8)  # between markers
        lines = {}
        for first, (name, style) in enumerate(LINES.items()):
            for what, dash, fill in (("state", "-", style["color"]), ("prediction", "--", "white")):
                lines[f"{NAMES[name]}, {what}"], = axes.plot(
                    scores[f"{name} {what}"], linestyle=dash, markerfacecolor=fill, markersize=7,
                    markevery=(first * (apart // 2), apart), clip_on=False, **style)
        lines["direct"] = axes.axhline(scores["direct"][0], color=INK, linestyle=":")
        self.here = axes.axvline(0, color=INK, linewidth=1, animated=True)
        legend = axes.legend(list(lines.values()), list(lines), loc="center left", bbox_to_anchor=(1.04, 0.5), frameon=False)
        self.canvas.draw()
        self.numbers = {}
        for key, label in zip(scores, legend.get_texts()):
            self.numbers[key] = self.figure.text(
                1 - LEFT / WIDTH, label.get_window_extent().y0 / self.figure.bbox.height, "",
                ha="right", va="bottom", fontsize=13, animated=True)

    def paint(self, k: int) -> Image.Image:
        """Return the frame after k steps."""
        self.readout.set_text(readout(self.comparison, k))
        self.here.set_xdata([k, k])
        for key, number in self.numbers.items():
            number.set_text(f"{self.comparison.rmse[key][k]:.3f}")
        self.canvas.restore_region(self.background)
        for artist in (self.readout, self.here, *self.numbers.values()):
            self.figure.draw_artist(artist)
        painted, zoom = image(self.canvas), self.figure.dpi / 72
        for y, panels in zip(ROWS, self._panels(k)):
            for x, panel in zip(COLUMNS, panels):
                squares = panel.resize((round(PANEL * zoom),) * 2, Image.Resampling.NEAREST)
                painted.paste(squares, (round(x * zoom), round(y * zoom)))
        return painted

    def _panels(self, k: int) -> Iterator[list[Image.Image]]:
        """Yield what is given, and an algorithm's state, prediction, step and error."""
        shown, (adds, error) = self.comparison, self.colours
        for name, given in zip(RULES, (picture(shown.x0), picture(shown.x_T, self.stretch))):
            yield [given, picture(shown.state(name, k), self.stretch), picture(shown.prediction(name, k)),
                   *(Image.fromarray(colours.to_rgba(values.numpy(), bytes=True)) for colours, values in (
                       (adds, shown.added(name, k)), (error, shown.error(name, k))))]


_stage = lru_cache(maxsize=2)(_Stage)


def _shrink(text: Text, width: float) -> None:
    """Take a smaller size for a text that is wider than that."""
    wide = text.get_window_extent().width
    if wide > width:
        text.set_fontsize(int(float(text.get_fontsize()) * width / wide))


def gif(comparison: Comparison, path: str | Path, stretch: bool = False, scale: int = 4, seconds: float = 8) -> Path:
    """Write the frames of k = 0..steps as an endless GIF that takes `seconds` and rests for two; return its path."""
    frames = [frame(comparison, k, stretch, scale) for k in range(comparison.steps + 1)]
    some = np.concatenate([np.asarray(one) for one in frames[::max(1, len(frames) // 6)]])
    palette = Image.fromarray(some).quantize(256)  # one for all frames, so that colours do not flicker
    frames = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    pauses = [round(1000 * seconds / len(frames))] * len(frames)
    pauses[-1] += 2000
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=pauses, loop=0)
    return Path(path)


def strip(comparison: Comparison, ks: Sequence[int] | None = None, scale: int = 3) -> Image.Image:
    """Paint states and predictions after ks steps beside the target, for a page on paper.

    ks: by default six, evenly spaced.
    """
    if ks is None:
        ks = np.linspace(0, comparison.steps, min(6, comparison.steps + 1)).round().astype(int).tolist()
    kinds = [(name, of) for name in NAMES for of in (comparison.state, comparison.prediction)]
    columns = {f"k = {k}, s = {comparison.severity(k)}": torch.stack([of(name, k) for name, of in kinds]) for k in ks}
    columns["target $x_0$"] = comparison.x0.expand(4, -1, -1, -1)
    rows = [f"{label} {what}" for label in NAMES.values() for what in ("$x_s$", r"$\hat{x}_0$")]
    return grid(columns, scale, rows, comparison.title)

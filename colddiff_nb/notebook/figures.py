"""Figures of a comparison: the frame after k steps, all frames as a GIF, some steps as a strip.

A frame is drawn in two parts: what no step changes is drawn once, and the rest over a copy of it (blitting).
"""
from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.colors import FuncNorm, Normalize
from PIL import Image

from colddiff_nb.notebook.comparison import NAMES, Comparison, describe, readout
from colddiff_nb.notebook.pictures import INK, RULE, as_html, canvas, drawn, grid, picture, save_gif

__all__ = ["describe", "frame", "gif", "page", "strip"]
WIDTH, HEIGHT, PANEL = 360, 520, 64  # of a frame and of a picture in it, in points
COLUMNS, ROWS = (4, 76, 148, 220, 292), (94, 180)  # left and upper edges of the pictures
CUTS = (48, 274, HEIGHT)  # the pictures stand between the first two, the curves between the last two
SHOWN = {  # the columns after the first
    "state\n$x_s$": Comparison.state, "prediction\n$\\hat{x}_0$": Comparison.prediction,
    "next step adds\n(cube root)": Comparison.added, "error\n$|\\hat{x}_0 - x_0|$": Comparison.error}
CURVES = "Curves of RMSE against the steps done, with the numbers of this step."
RULES = {"algorithm2": r"$x_{s-1} = x_s - D(\hat{x}_0, s) + D(\hat{x}_0, s-1)$",
         "algorithm1": r"$x_{s-1} = D(\hat{x}_0, s-1)$"}
LINES: dict[str, dict[str, Any]] = {  # colours of Okabe and Ito; the thin line lies on the broad one
    "algorithm2": {"color": "#0072b2", "marker": "o", "linewidth": 1.6, "zorder": 3},
    "algorithm1": {"color": "#d55e00", "marker": "s", "linewidth": 3, "zorder": 2},
}
STYLE: Any = {"font.size": 11, "text.color": INK, "axes.edgecolor": RULE, "legend.fontsize": 11,
              "xtick.labelsize": 10, "ytick.labelsize": 10, "image.cmap": "cividis"}


def frame(comparison: Comparison, k: int, stretch: bool = False, scale: int = 0) -> Image.Image:
    """Paint states, predictions, steps and errors of both algorithms after k steps, and curves of RMSE.

    scale: pixels of the frame for one of the image, by default 3 for 32 x 32, less for larger images.
    Colours mean the same for all k and both algorithms. Raises ValueError for k outside 0..steps.
    """
    scale = scale or max(1, round(100 / comparison.x0.shape[-1]))
    return _stage(comparison, stretch, scale).paint(k)


def page(comparison: Comparison, k: int, stretch: bool = False) -> str:
    """Return a frame as HTML: pictures beside curves, or above them where there is no room."""
    whole, shown = frame(comparison, k, stretch), ""
    ends = [round(cut * whole.height / HEIGHT) for cut in CUTS]
    for top, bottom, share, words in zip(ends, ends[1:], (4, 3), (describe(comparison, k), CURVES)):
        style = f"flex: {share} 1 0; min-width: min(100%, 300px)"
        shown += as_html(whole.crop((0, top, whole.width, bottom)), words, style)
    said = f"<b>{readout(comparison, k)}</b> · {escape(comparison.title)}"
    look = "display: flex; flex-wrap: wrap; align-items: flex-start; gap: 8px; contain: inline-size"
    return f'<p style="line-height: 1.3; margin: 0 0 6px">{said}</p><div style="{look}">{shown}</div>'


class _Stage:
    """A frame's figure: `paint` draws what moves over a copy of the rest."""

    @matplotlib.rc_context(STYLE)
    def __init__(self, comparison: Comparison, stretch: bool, scale: int):
        self.comparison, self.stretch = comparison, stretch
        self.canvas = canvas(WIDTH, HEIGHT, scale * comparison.x0.shape[-1] / PANEL)
        broad = max(64, len(comparison.title) // 2 + 8)  # a longer title has smaller letters
        title = textwrap.fill(comparison.title, broad)
        self._write(4, 4, title, va="top", fontsize=660 / broad, parse_math=False)
        self.readout = self._write(4, 44, "", animated=True)
        self._draw_panels()
        self._draw_curves()
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.canvas.figure.bbox)

    def _write(self, x: float, y: float, text: str, **style: Any) -> Any:
        return self.canvas.figure.text(x / WIDTH, 1 - y / HEIGHT, text, **style)

    def _axes(self, x: float, y: float, width: float, height: float) -> Any:
        place = x / WIDTH, 1 - (y + height) / HEIGHT, width / WIDTH, height / HEIGHT
        return self.canvas.figure.add_axes(place)

    def _image(self, x: float, y: float, values: Any, **style: Any) -> Any:
        axes = self._axes(x, y, PANEL, PANEL)
        axes.set(xticks=[], yticks=[])
        return axes.imshow(values, interpolation="none", **style)

    def _draw_panels(self) -> None:
        """Draw two rows of pictures under their names, and the colour bars."""
        shown, stretched = self.comparison, " stretched" * self.stretch
        adds, error = shown.limit(shown.added), shown.limit(shown.error)
        # Cube roots, as the last step often adds a hundred times more than the first.
        cube_root = FuncNorm((np.cbrt, lambda y: y ** 3), -adds, adds)
        colours: Any = {}, {}, {"cmap": "PuOr", "norm": cube_root}, {"norm": Normalize(0, error)}
        self.images = {}
        for y, (name, rule), given in zip(ROWS, RULES.items(), (shown.x0, shown.x_T)):
            self._image(COLUMNS[0], y, np.asarray(picture(given, self.stretch and given is shown.x_T)))
            self._write(WIDTH - 4, y - 6, f"{NAMES[name]}: {rule}", ha="right", color=LINES[name]["color"])
            for x, of, style in zip(COLUMNS[1:], SHOWN.values(), colours):
                values = self._values(name, of, 0)
                self.images[name, of] = self._image(x, y, values, animated=True, **style)
        self._write(4, ROWS[0] - 6, "target $x_0$")
        self._write(4, ROWS[1] - 6, "start $x_T$" + stretched)
        scales = (), (), (-adds, adds), (0, error)
        for x, (title, of), ends in zip(COLUMNS[1:], SHOWN.items(), scales):
            self._write(x + PANEL / 2, ROWS[0] - 22, title, ha="center", fontsize=10)
            if ends:
                place = self._axes(x, ROWS[1] + PANEL + 5, PANEL, 6)
                bar = self.canvas.figure.colorbar(self.images["algorithm1", of], place, ticks=ends,
                                                  orientation="horizontal", format="%.2g")
                bar.outline.set_visible(False)
                place.tick_params(labelsize=9)
                for label, side in zip(place.get_xticklabels(), ("left", "right")):
                    label.set_horizontalalignment(side)

    def _draw_curves(self) -> None:
        """Draw RMSE against steps done, and a legend that will say the numbers after k steps."""
        scores, steps = self.comparison.rmse, self.comparison.steps
        self._write(4, CUTS[1] + 12, "RMSE")
        axes = self._axes(36, CUTS[1] + 18, WIDTH - 48, 108)
        axes.set(xlim=(0, steps), ylim=(0, 1.1 * max(map(max, scores.values()))), xlabel="steps done")
        axes.locator_params(axis="x", integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=RULE)
        apart = max(1, steps // 8)  # between markers
        for first, (name, style) in enumerate(LINES.items()):
            for what, dash, fill in (("state", "-", style["color"]), ("prediction", "--", "white")):
                axes.plot(
                    scores[f"{name} {what}"], label=f"{NAMES[name]}, {what}", linestyle=dash,
                    markerfacecolor=fill, markersize=5, markevery=(first * (apart // 2), apart),
                    clip_on=False, **style)
        axes.axhline(scores["direct"][0], color=INK, linestyle=":", label="direct")
        self.legend = axes.legend(loc="upper left", bbox_to_anchor=(0, -0.26), frameon=False,
                                  labelspacing=0.25)
        self.legend.set_animated(True)
        self.labels = {text: text.get_text() for text in self.legend.get_texts()}
        self.here = axes.axvline(0, color=INK, linewidth=1, animated=True)

    def _values(self, name: str, of: Any, k: int) -> Any:
        values = of(self.comparison, name, k)
        stretch = self.stretch and of is Comparison.state
        return np.asarray(picture(values, stretch)) if values.ndim == 3 else values.numpy()

    def paint(self, k: int) -> Image.Image:
        """Return the frame after k steps."""
        self.readout.set_text(readout(self.comparison, k))
        self.here.set_xdata([k, k])
        for (text, label), scores in zip(self.labels.items(), self.comparison.rmse.values()):
            text.set_text(f"{label}: {scores[k]:.3f}")
        for (name, of), image in self.images.items():
            image.set_data(self._values(name, of, k))
        self.canvas.restore_region(self.background)
        for artist in (self.readout, self.here, self.legend, *self.images.values()):
            self.canvas.figure.draw_artist(artist)
        return drawn(self.canvas)


_stage = lru_cache(maxsize=2)(_Stage)


def gif(comparison: Comparison, path: str | Path, stretch: bool = False, seconds: float = 8) -> Path:
    """Write all frames as an endless GIF that takes `seconds` and rests for two; return its path."""
    return save_gif([frame(comparison, k, stretch) for k in range(comparison.steps + 1)], path, seconds)


def strip(comparison: Comparison, ks: Sequence[int] | None = None, scale: int = 3) -> Image.Image:
    """Paint states and predictions after ks steps (by default six) beside the target, for a page on paper."""
    if ks is None:
        ks = np.linspace(0, comparison.steps, min(6, comparison.steps + 1)).round().astype(int).tolist()
    columns = {
        f"k = {k}, s = {comparison.severity(k)}": torch.stack(
            [of(name, k) for name in NAMES for of in (comparison.state, comparison.prediction)])
        for k in ks}
    columns["target $x_0$"] = comparison.x0.expand(4, -1, -1, -1)
    rows = [f"{label} {what}" for label in NAMES.values() for what in ("$x_s$", r"$\hat{x}_0$")]
    return grid(columns, scale, rows, comparison.title)

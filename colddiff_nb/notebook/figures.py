"""Figures of a comparison: the frame after k steps, all frames as a GIF, some steps as a strip.

A frame is drawn in two parts: what no step changes is drawn once, and the rest over a copy of it (blitting).
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.patches import Rectangle
from PIL import Image

from colddiff_nb.notebook.comparison import NAMES, Comparison, describe, readout
from colddiff_nb.notebook.pictures import INK, RULE, canvas, drawn, grid, picture, save_gif

__all__ = ["describe", "frame", "gif", "strip"]
WIDTH, HEIGHT, LEFT, RIGHT = 770, 690, 22, 750  # of a frame, in pixels
PANEL, COLUMNS, ROWS = 128, (22, 172, 322, 472, 622), (126, 288)  # pictures in it: size, left and upper edges
TITLES = "state $x_s$", r"prediction $\hat{x}_0$", "next step adds", r"error $|\hat{x}_0 - x_0|$"
RULES = {"algorithm2": r"$x_{s-1} = x_s - D(\hat{x}_0, s) + D(\hat{x}_0, s-1)$",
         "algorithm1": r"$x_{s-1} = D(\hat{x}_0, s-1)$"}
LINES: dict[str, dict[str, Any]] = {  # colours of Okabe and Ito; the thin line lies on the broad one
    "algorithm2": {"color": "#0072b2", "marker": "o", "linewidth": 1.6, "zorder": 3},
    "algorithm1": {"color": "#d55e00", "marker": "s", "linewidth": 4, "zorder": 2},
}
STYLE: Any = {"font.size": 14, "text.color": INK, "axes.edgecolor": RULE, "axes.labelsize": 12,
              "xtick.labelsize": 12, "ytick.labelsize": 12, "legend.fontsize": 13}


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
        self.zoom = scale * comparison.x0.shape[-1] / PANEL
        self.canvas = canvas(WIDTH, HEIGHT, self.zoom)
        self.page = self.canvas.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
        self.page.axis("off")
        title = self.page.text(LEFT, 36, comparison.title, fontsize=20, parse_math=False)
        wide = title.get_window_extent().width / self.zoom
        title.set_fontsize(int(20 * min(1, (RIGHT - LEFT) / max(wide, 1))))
        self._draw_panels()
        self._draw_curves()
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.canvas.figure.bbox)

        self.texts = {"": self.page.text(LEFT, 60, "", animated=True)}
        for key, label in zip(comparison.rmse, self.legend.get_texts()):
            y = HEIGHT - label.get_window_extent().y0 / self.zoom
            self.texts[key] = self.page.text(
                RIGHT, y, "", ha="right", va="bottom", fontsize=13, animated=True)

    def _draw_panels(self) -> None:
        """All but the pictures: their borders and titles, and the colour bars."""
        stretched = ", stretched" * self.stretch
        for x in COLUMNS:
            for y in ROWS:
                self.page.add_patch(Rectangle((x - 1, y - 1), PANEL + 2, PANEL + 2, color=RULE))
        for x, title in zip(COLUMNS[1:], TITLES):
            self.page.text(x, ROWS[0] - 32, title + stretched * (title == TITLES[0]))
        for y, title, (name, rule) in zip(ROWS, ("target $x_0$", "start $x_T$" + stretched), RULES.items()):
            self.page.text(LEFT, y - 8, title)
            self.page.text(COLUMNS[1], y - 8, f"{NAMES[name]}:  {rule}", color=LINES[name]["color"])

        adds, error = (self.comparison.limit(of) for of in (self.comparison.added, self.comparison.error))
        # Cube roots, as the last step often adds a hundred times more than the first.
        cube_root = FuncNorm((np.cbrt, lambda y: y ** 3), -adds, adds)
        self.colours = ScalarMappable(cube_root, "PuOr"), ScalarMappable(Normalize(0, error), "cividis")
        for x, colours, ticks in zip(COLUMNS[3:], self.colours, ((-adds, 0, adds), (0, error))):
            place = self.page.inset_axes((x, ROWS[1] + PANEL + 10, PANEL, 8), transform=self.page.transData)
            bar = self.canvas.figure.colorbar(
                colours, place, orientation="horizontal", ticks=ticks, format="%.2g")
            bar.outline.set_visible(False)
            place.get_xticklabels()[0].set_horizontalalignment("left")
            place.get_xticklabels()[-1].set_horizontalalignment("right")
        self.page.text(COLUMNS[3], ROWS[1] + PANEL + 54, "cube-root scale", fontsize=12)

    def _draw_curves(self) -> None:
        """RMSE against steps done, and a legend, beside which the numbers after k steps will stand."""
        scores, steps = self.comparison.rmse, self.comparison.steps
        self.page.text(66, 502, "RMSE")
        axes = self.page.inset_axes((66, 512, 400, 130), transform=self.page.transData)
        axes.set(xlim=(0, steps), ylim=(0, 1.1 * max(map(max, scores.values()))), xlabel="steps done")
        axes.locator_params(axis="x", integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=RULE)
        apart = max(1, steps // 8)  # between markers
        for first, (name, style) in enumerate(LINES.items()):
            for what, dash, fill in (("state", "-", style["color"]), ("prediction", "--", "white")):
                axes.plot(
                    scores[f"{name} {what}"], label=f"{NAMES[name]}, {what}", linestyle=dash,
                    markerfacecolor=fill, markersize=7, markevery=(first * (apart // 2), apart),
                    clip_on=False, **style)
        axes.axhline(scores["direct"][0], color=INK, linestyle=":", label="direct")
        self.legend = axes.legend(loc="center left", bbox_to_anchor=(1.04, 0.5), frameon=False)
        self.here = axes.axvline(0, color=INK, linewidth=1, animated=True)

    def paint(self, k: int) -> Image.Image:
        """Return the frame after k steps."""
        self.here.set_xdata([k, k])
        for key, text in self.texts.items():
            text.set_text(f"{self.comparison.rmse[key][k]:.3f}" if key else readout(self.comparison, k))
        self.canvas.restore_region(self.background)
        for artist in (self.here, *self.texts.values()):
            self.page.draw_artist(artist)
        page, size = drawn(self.canvas), round(PANEL * self.zoom)
        for y, panels in zip(ROWS, self._panels(k)):
            for x, panel in zip(COLUMNS, panels):
                squares = panel.resize((size, size), Image.Resampling.NEAREST)
                page.paste(squares, (round(x * self.zoom), round(y * self.zoom)))
        return page

    def _panels(self, k: int) -> list[list[Image.Image]]:
        """Rows: what is given, and an algorithm's state, prediction, step and error."""
        shown, rows = self.comparison, []
        for name, given in zip(RULES, (picture(shown.x0), picture(shown.x_T, self.stretch))):
            state, prediction = shown.state(name, k), shown.prediction(name, k)
            rows.append([given, picture(state, self.stretch), picture(prediction)])
            for colours, values in zip(self.colours, (shown.added(name, k), shown.error(name, k))):
                rows[-1].append(Image.fromarray(colours.to_rgba(values.numpy(), bytes=True)))
        return rows


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

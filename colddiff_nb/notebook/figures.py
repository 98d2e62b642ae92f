"""Figures of a comparison: the frame after k steps, also as HTML, and some steps as a strip."""
from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import lru_cache
from html import escape
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.colors import FuncNorm
from PIL import Image

from colddiff_nb.notebook.comparison import NAMES, Comparison, describe, readout
from colddiff_nb.notebook.pictures import INK, RULE, as_html, canvas, drawn, grid, picture, png

__all__ = ["describe", "frame", "page", "strip"]
WIDTH, HEIGHT, PANEL = 360, 520, 64  # of a frame and of a picture in it, in points
LEFT, ROWS = 4, (94, 180)  # left edge of what is given, upper edges of the pictures
COLUMNS = {"state": (76, "state\n$x_s$"), "prediction": (148, "prediction\n$\\hat{x}_0$"),
           "adds": (220, "next step adds\n(cube root)"), "error": (292, "error\n$|\\hat{x}_0 - x_0|$")}
CUTS = (48, 274, HEIGHT)  # the pictures stand between the first two, the curves between the last two
CURVES = "Curves of RMSE against the steps done, with the numbers of this step."
RULES = {"algorithm2": r"$x_{s-1} = x_s - D(\hat{x}_0, s) + D(\hat{x}_0, s-1)$",
         "algorithm1": r"$x_{s-1} = D(\hat{x}_0, s-1)$"}
LINES: dict[str, dict[str, Any]] = {  # colours of Okabe and Ito; the thin line lies on the broad one
    "algorithm2": {"color": "#0072b2", "marker": "o", "linewidth": 1.6, "zorder": 3},
    "algorithm1": {"color": "#d55e00", "marker": "s", "linewidth": 3, "zorder": 2},
}
STYLE: Any = {"font.size": 11, "text.color": INK, "axes.edgecolor": RULE, "legend.fontsize": 11,
              "xtick.labelsize": 10, "ytick.labelsize": 10, "image.cmap": "cividis"}


def frame(comparison: Comparison, k: int, stretch: bool = False) -> Image.Image:
    """Paint both algorithms' pictures after k steps, and curves of RMSE; colours mean the same for all k."""
    return _painter(comparison, stretch)(k)


def page(comparison: Comparison, k: int, stretch: bool = False) -> str:
    """Return a frame as HTML: pictures beside curves, or above them where there is no room."""
    whole, shown = frame(comparison, k, stretch), ""
    ends = [round(cut * whole.height / HEIGHT) for cut in CUTS]
    for top, bottom, share, words in zip(ends, ends[1:], (4, 3), (describe(comparison, k), CURVES)):
        style = f"flex: {share} 1 0; min-width: min(100%, 300px)"
        shown += as_html(png(whole.crop((0, top, whole.width, bottom))), words, style)
    said = f"<b>{readout(comparison, k)}</b> · {escape(comparison.title)}"
    look = "display: flex; flex-wrap: wrap; align-items: flex-start; gap: 8px; contain: inline-size"
    return f'<p style="line-height: 1.3; margin: 0 0 6px">{said}</p><div style="{look}">{shown}</div>'


def strip(comparison: Comparison) -> Image.Image:
    """Paint six states and predictions on the way beside the target."""
    ks = np.linspace(0, comparison.steps, min(6, comparison.steps + 1)).round().astype(int)
    images = [panels[what] for panels in comparison.panels.values() for what in ("state", "prediction")]
    columns = {f"k = {k}, s = {comparison.severities[k]}": torch.stack([x[k] for x in images]) for k in ks}
    columns["target $x_0$"] = comparison.x0.expand(4, -1, -1, -1)
    rows = [f"{label} {what}" for label in NAMES.values() for what in ("$x_s$", r"$\hat{x}_0$")]
    return grid(columns, rows=rows, title=comparison.title)


@lru_cache(maxsize=2)
@matplotlib.rc_context(STYLE)
def _painter(comparison: Comparison, stretch: bool) -> Callable[[int], Image.Image]:
    """Draw once what no step changes; return what draws the rest over a copy of it (blitting)."""
    side, scores, steps = comparison.x0.shape[-1], comparison.rmse, comparison.steps
    sheet = canvas(WIDTH, HEIGHT, max(1, round(100 / side)) * side / PANEL)

    def write(x: float, y: float, text: str, **style: Any) -> Any:
        return sheet.figure.text(x / WIDTH, 1 - y / HEIGHT, text, **style)

    def axes(x: float, y: float, width: float, height: float) -> Any:
        place = x / WIDTH, 1 - (y + height) / HEIGHT, width / WIDTH, height / HEIGHT
        return sheet.figure.add_axes(place)

    def panel(x: float, y: float, values: Any, **style: Any) -> Any:
        place = axes(x, y, PANEL, PANEL)
        place.set(xticks=[], yticks=[])
        return place.imshow(values, interpolation="none", **style)

    write(LEFT, 4, textwrap.fill(comparison.title, 64), va="top", fontsize=660 / 64, parse_math=False)
    said = write(LEFT, 44, "", animated=True)

    # Pictures. Cube roots, as the last step often adds a hundred times more than the first.
    adds = comparison.limit("adds")
    colours: dict[str, Any] = {
        "adds": {"cmap": "PuOr", "norm": FuncNorm((np.cbrt, lambda y: y ** 3), -adds, adds)},
        "error": {"vmin": 0, "vmax": comparison.limit("error")}}
    images: dict[Any, list[Any]] = {}  # the panels that change, and what each shows after k steps
    for y, (name, rule) in zip(ROWS, RULES.items()):
        write(WIDTH - 4, y - 6, f"{NAMES[name]}: {rule}", ha="right", color=LINES[name]["color"])
        for what, (x, _) in COLUMNS.items():
            shown = [picture(one, stretch and what == "state") if one.ndim == 3 else one.numpy()
                     for one in comparison.panels[name][what]]
            images[panel(x, y, shown[0], animated=True, **colours.get(what, {}))] = shown
    for y, given, words in zip(ROWS, (comparison.x0, comparison.x_T), ("target $x_0$", "start $x_T$")):
        stretched = stretch and given is comparison.x_T
        panel(LEFT, y, picture(given, stretched))
        write(LEFT, y - 6, words + " stretched" * stretched)
    for x, words in COLUMNS.values():
        write(x + PANEL / 2, ROWS[0] - 22, words, ha="center", fontsize=10)
    for what, image in zip(colours, [*images][-2:]):
        place = axes(COLUMNS[what][0], ROWS[1] + PANEL + 5, PANEL, 6)
        ends = image.get_clim()
        bar = sheet.figure.colorbar(image, place, ticks=ends, orientation="horizontal", format="%.2g")
        bar.outline.set_visible(False)
        place.tick_params(labelsize=9)
        for label, edge in zip(place.get_xticklabels(), ("left", "right")):
            label.set_horizontalalignment(edge)

    # Curves, and a legend that says the numbers after k steps.
    write(LEFT, CUTS[1] + 12, "RMSE")
    plot = axes(36, CUTS[1] + 18, WIDTH - 48, 108)
    plot.set(xlim=(0, steps), ylim=(0, 1.1 * max(map(max, scores.values()))), xlabel="steps done")
    plot.locator_params(axis="x", integer=True)
    plot.spines[["top", "right"]].set_visible(False)
    plot.grid(axis="y", color=RULE)
    apart = max(1, steps // 8)  # between markers
    for first, (name, style) in enumerate(LINES.items()):
        for what, dash, fill in (("state", "-", style["color"]), ("prediction", "--", "white")):
            plot.plot(scores[f"{name} {what}"], label=f"{NAMES[name]}, {what}", linestyle=dash, clip_on=False,
                      markerfacecolor=fill, markersize=5, markevery=(first * (apart // 2), apart), **style)
    plot.axhline(scores["direct"][0], color=INK, linestyle=":", label="direct")
    legend = plot.legend(loc="upper left", bbox_to_anchor=(0, -0.26), frameon=False, labelspacing=0.25)
    legend.set_animated(True)
    labels = {text: text.get_text() for text in legend.get_texts()}
    here = plot.axvline(0, color=INK, linewidth=1, animated=True)
    sheet.draw()
    background = sheet.copy_from_bbox(sheet.figure.bbox)

    def paint(k: int) -> Image.Image:
        said.set_text(readout(comparison, k))
        here.set_xdata([k, k])
        for (text, label), of in zip(labels.items(), scores.values()):
            text.set_text(f"{label}: {of[k]:.3f}")
        for image, shown in images.items():
            image.set_data(shown[k])
        sheet.restore_region(background)
        for artist in (said, here, legend, *images):
            sheet.figure.draw_artist(artist)
        return drawn(sheet)

    return paint

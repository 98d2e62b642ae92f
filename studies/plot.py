"""Figures of the pages: panels that look alike, and the results in one plot."""
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studies.published import BOTH, SIGNS, Published

BLUE = {"color": "#0072b2"}
STYLES: dict[str, dict[str, Any]] = {  # Okabe-Ito colours; the 8-bit marker is half filled
    "the paper": {"color": "#1a1a1a", "fillstyle": "none"},
    "ours, from float32": BLUE | {"fillstyle": "full"},
    "ours, from 8 bits": BLUE | {"fillstyle": "left", "markerfacecoloralt": "white"}}


def panels(n: int, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of n panels side by side, without the frame above and to the right."""
    figure = Figure(figsize=size, layout="constrained")
    found = list(figure.subplots(1, n, squeeze=False, **options)[0])
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e0e0e0")
    return figure, found


def draw(published: Published, path: Path) -> None:
    """Write the plot; each score is the better one of direct reconstruction and Algorithm 2."""
    rows = published.cases()
    figure, found = panels(len(SIGNS), (6.5, 0.75 * len(rows) + 1.2), sharey=True)
    for axes, (metric, sign) in zip(found, SIGNS.items()):
        for step, (who, style) in enumerate(STYLES.items()):  # a little below each other: equal scores differ
            scored = [(score, height + 0.22 * step - 0.08) for height, (pair, variant, _) in enumerate(rows)
                      if (score := best(published, pair, variant, metric, who)) is not None]
            axes.plot(*zip(*scored), "o", markersize=8, label=who, **style)
        axes.set_title(f"{metric.upper()}\n({'higher' if sign > 0 else 'lower'}: better)", fontsize=14)
        axes.grid(visible=False, axis="y")
        for height in range(len(rows)):
            axes.axhline(height + 0.5, color="#e0e0e0", linewidth=1)
        if metric == "fid":
            axes.set_xscale("log")
            axes.set_xticks([1, 10, 100], ["1", "10", "100"])
        else:
            axes.set_xlim(0, None if metric == "rmse" else 1)
            axes.locator_params(axis="x", nbins=3)
        axes.minorticks_off()
        axes.set_facecolor("none")  # names reach over it
        axes.spines["left"].set_visible(False)
        axes.tick_params(labelsize=13)
    for height, (_, _, title) in enumerate(rows):  # above its scores, so that a telephone can show it
        found[0].text(0, height - 0.26, title, fontsize=13, weight="bold", in_layout=False)
    found[0].set_yticks([])
    found[0].set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(*found[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(STYLES),
                  frameon=False, fontsize=13, columnspacing=1, handletextpad=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def best(published: Published, pair: str, variant: str, metric: str, who: str) -> float | None:
    """Who scored what on a pair; None where it was not scored."""
    if who == "the paper":
        scores = [published.printed(pair, method)[metric.upper()] for method in BOTH]
    else:
        precision = "8bit" if "8 bits" in who else "float32"
        ours = (published.best(pair, method, precision, variant, metric) for method in BOTH)
        scores = [row[metric] for row in ours if row]
    return max(scores, key=lambda score: SIGNS[metric] * score, default=None)

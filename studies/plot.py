"""The results in one plot: the paper's scores, ours from float32 and ours from 8 bits, for each pair."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studies.published import Published
from studies.tables import cases

METRICS: dict[str, tuple[str, Callable]] = {  # what is better; how to choose between direct and Algorithm 2
    "RMSE": ("RMSE (lower is better)", min), "SSIM": ("SSIM (higher is better)", max),
    "FID": ("FID (lower is better)", min)}
STYLES = {  # Okabe-Ito colours; the 8-bit marker is half filled
    "the paper": {"color": "#1a1a1a", "marker": "o", "fillstyle": "none"},
    "ours, from float32": {"color": "#0072b2", "marker": "o", "fillstyle": "full"},
    "ours, from 8 bits": {"color": "#0072b2", "marker": "o", "fillstyle": "left",
                          "markerfacecoloralt": "white"}}


def draw(published: Published, path: Path) -> None:
    """Write the plot; each score is the better one of direct reconstruction and Algorithm 2."""
    rows = cases(published)
    figure = Figure(figsize=(10, 0.5 * len(rows) + 1.2), layout="constrained", dpi=110)
    panels = figure.subplots(1, len(METRICS), sharey=True)
    for panel, metric in zip(panels, METRICS):
        for height, (pair, variant, _) in enumerate(rows):
            found = scores(published, pair, variant, metric)
            for step, who in enumerate(STYLES):  # a little below each other: equal scores differ
                if who in found:
                    panel.plot(found[who], height + 0.2 * (step - 1), linestyle="", markersize=8,
                               **STYLES[who])
            panel.axhline(height + 0.5, color="#e0e0e0", linewidth=1)
        dress(panel, metric)
    panels[0].set_yticks(range(len(rows)), [title for _, _, title in rows])
    panels[0].invert_yaxis()
    handles = [panels[0].plot([], [], linestyle="", markersize=9, label=who, **style)[0]
               for who, style in STYLES.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(STYLES), frameon=False, fontsize=12)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def scores(published: Published, pair: str, variant: str, metric: str) -> dict[str, float]:
    """Of one pair: who scored what, where it was scored."""
    choose = METRICS[metric][1]
    paper = published.paper["pairs"][pair]
    found = {"the paper": choose(paper[method][metric] for method in ("direct", "sampled"))}
    for who, precision in (("ours, from float32", "float32"), ("ours, from 8 bits", "8bit")):
        ours = [published.best(pair, method, precision, variant, metric.lower())
                for method in ("direct", "algorithm2")]
        if values := [value for row in ours if row and (value := row.number(metric.lower())) is not None]:
            found[who] = choose(values)
    return found


def dress(panel: Axes, metric: str) -> None:
    """Axis, title and grid of one score."""
    panel.set_title(METRICS[metric][0], fontsize=12)
    panel.set_xscale("log" if metric == "FID" else "linear")
    if metric == "FID":
        panel.set_xticks([1, 10, 100], ["1", "10", "100"])
    else:
        panel.set_xlim(0, None if metric == "RMSE" else 1)
    panel.grid(axis="x", color="#e0e0e0")
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0, labelsize=11)

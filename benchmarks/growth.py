"""How the cost grows (--full): images/s of the training loop against batch size, image size and T, as curves.
It must not grow with T."""
from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from matplotlib.figure import Figure

from colddiff_nb.training import recipe

from .clock import HERE, in_turns
from .findings import Finding, finding
from .loop import OURS, advance, training_loop

RANGES = {"batch": (1, 2, 4, 8, 16, 32, 64, 128, 256), "size": (32, 64, 96, 128),
          "T": (1, 10, 50, 100, 200, 400)}
LABELS = {"batch": "batch size (32 x 32, T = 50)", "size": "image size (batch 16, T = 50)",
          "T": "T (batch 64, 32 x 32)"}
FIXED = {"batch": 64, "size": 32, "T": 50}
Curve = dict[int, float]


def measure(results: Path) -> dict[str, Finding]:
    """Also writes the curves: results/bench-growth-<device>.json and .png."""
    curves = {name: curve(name) for name in RANGES}
    path = results / f"bench-growth-{HERE.type}.json"
    path.write_text(json.dumps({LABELS[name]: points for name, points in curves.items()}, indent=1) + "\n")
    draw(curves, path.with_suffix(".png"))
    first, *_, last = RANGES["T"]
    slower = finding(curves["T"][first] / curves["T"][last], "times", most=1.1)
    return {f"time of a training image at T = {last} over that at T = {first}": slower}


def curve(name: str) -> Curve:
    """Images per second for every value of one setting, the small network on blurred colour images."""
    settings = {value: FIXED | ({"batch": 16} if name == "size" else {}) | {name: value}
                for value in RANGES[name]}
    loops = {str(value): small_loop(**setting) for value, setting in settings.items()}
    times = in_turns({value: partial(advance, loop, 1) for value, loop in loops.items()}, rounds=9)
    return {value: round(setting["batch"] / statistics.median(times[str(value)]), 1)
            for value, setting in settings.items()}


def small_loop(batch: int, size: int, T: int) -> Iterator[None]:
    pixels = torch.randint(256, (256, 3, size, size), dtype=torch.uint8)
    choice = recipe("small", "deblur", "photos", T=T, size=size)
    return training_loop(choice, pixels, **OURS | {"size": batch})


def draw(curves: dict[str, Curve], path: Path) -> None:
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, (name, points) in zip(figure.subplots(1, 3), curves.items()):
        axes.plot(list(points), list(points.values()), "o-", color="#0072B2")
        axes.set(xlabel=LABELS[name], xscale="log", ylim=(0, 1.1 * max(points.values())))
        axes.set_xticks(list(points), list(map(str, points)))
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("training images per second")
    figure.savefig(path, dpi=120)

"""How the cost grows (--full): images/s of the training loop against batch size, image size and T, as curves.
It must not grow with T."""
import json
import statistics
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from colddiff_nb import recipe
from studies.plot import panels

from .findings import HERE, Finding, finding, in_turns
from .loop import OURS, advance, training_loop

RANGES = {"batch": (1, 2, 4, 8, 16, 32, 64, 128, 256), "size": (32, 64, 96, 128),
          "T": (1, 10, 50, 100, 200, 400)}
LABELS = {"batch": "batch size (32 x 32, T = 50)", "size": "image size (batch 16, T = 50)",
          "T": "T (batch 64, 32 x 32)"}


def measure(results: Path) -> dict[str, Finding]:
    """Also writes the curves: results/bench-growth-<device>.json and .png."""
    curves = {LABELS[name]: curve(name) for name in RANGES}
    path = results / f"bench-growth-{HERE.type}.json"
    path.write_text(json.dumps(curves, indent=1) + "\n")
    figure, axes = panels(len(curves), (10, 3))
    for panel, (label, points) in zip(axes, curves.items()):
        panel.plot(list(points), list(points.values()), "o-", color="#0072B2")
        panel.set(xlabel=label, xscale="log", ylim=(0, 1.1 * max(points.values())))
        panel.set_xticks(list(points), list(map(str, points)))
        panel.minorticks_off()
    axes[0].set_ylabel("training images per second")
    figure.savefig(path.with_suffix(".png"), dpi=120)
    first, *_, last = RANGES["T"]
    slower = finding(curves[LABELS["T"]][first] / curves[LABELS["T"]][last], "times", most=1.1)
    return {f"time of a training image at T = {last} over that at T = {first}": slower}


def curve(name: str) -> dict[int, float]:
    """Images per second for every value of one setting, the small network on blurred colour images."""
    fixed = {"batch": 16 if name == "size" else 64, "size": 32, "T": 50}
    settings = {value: fixed | {name: value} for value in RANGES[name]}
    loops = {value: small_loop(**setting) for value, setting in settings.items()}
    times = in_turns({str(value): partial(advance, loop, 1) for value, loop in loops.items()}, rounds=9)
    return {value: round(setting["batch"] / statistics.median(times[str(value)]), 1)
            for value, setting in settings.items()}


def small_loop(batch: int, size: int, T: int) -> Iterator[None]:
    pixels = torch.randint(256, (256, 3, size, size), dtype=torch.uint8)
    return training_loop(recipe("small", "deblur", "photos", T=T), pixels, **OURS | {"size": batch})

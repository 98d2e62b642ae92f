"""Scores over one training, at log-spaced steps: results/curves/<task>-<dataset>.json, and the picture beside it.

    python -m tools.measure_curves --data ROOT --fid     # an hour of one CPU core for super-resolution of MNIST; goes on where it was stopped

The training stops at each of the steps, its EMA network is scored on the same validation images, and it goes on from there.
"""
from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from colddiff_nb.data import Images, load
from colddiff_nb.degradations import TASKS
from colddiff_nb.evaluation import evaluate
from colddiff_nb.metrics.classifier import load_classifier
from colddiff_nb.training import Recipe, recipe, train
from colddiff_nb.weights.pretrained import RESULTS

POINTS = 8  # each at twice the steps of the one before
METRICS = {"rmse": "RMSE", "ssim": "SSIM", "frechet": "Frechet distance, small classifier", "fid": "FID"}
LINES = {"direct": ("direct", "#1a1a1a", ":"), "algorithm2": ("Algorithm 2", "#0072b2", "-")}


def draw(rows: list[dict[str, Any]]) -> Figure:
    """A panel for each metric, over the images seen."""
    shown = [metric for metric in METRICS if f"{metric}_direct" in rows[0]]
    figure = Figure(figsize=(3.6 * len(shown), 3.4), layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown):
        for method, (name, colour, line) in LINES.items():
            axes.plot([row["images"] for row in rows], [row[f"{metric}_{method}"] for row in rows], line, color=colour, marker="o", label=name)
        axes.set(xscale="log", xlabel="images seen", title=METRICS[metric])
        if metric in ("frechet", "fid"):
            axes.set_yscale("log")
        axes.grid(color="#d4d4d4")
    axes.legend()
    return figure


def measure(choice: Recipe, folder: Path, images: Images, validation: Images, **scoring: Any) -> list[dict[str, Any]]:
    """Train by the recipe in `folder`; a row of scores at each of POINTS steps. `scoring` goes to `evaluate`."""
    rows: list[dict[str, Any]] = []
    for step in (choice.steps // 2 ** k for k in reversed(range(POINTS))):
        ema = train(choice, folder, images=images, until=step)
        cells = evaluate(ema, choice.degradation(), validation, folder / f"at-{step}", methods=tuple(LINES), measurement_precision=choice.scored_from,
                         trained_on=images.provenance, weights=f"step {step}", **scoring)["cells"]
        rows.append({"step": step, "images": step * choice.batch} | {f"{metric}_{cell['method']}": cell[metric] for metric in METRICS
                                                                    for cell in cells if isinstance(cell.get(metric), float)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--task", default="superres", choices=TASKS)
    parser.add_argument("--dataset", default="mnist", choices=("mnist", "cifar10"))
    parser.add_argument("--measurement-precision", default="both", choices=("float32", "8bit", "both"), help="what the network is made for")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--rollout", type=float, default=0.25, help="share of a batch that walks through Algorithm 2")
    parser.add_argument("--n", type=int, default=500, help="validation images scored")
    parser.add_argument("--fid", action="store_true", help="FID too, biased upward by so few images")
    parser.add_argument("--runs", type=Path, default=Path("runs/curves"))
    chosen = parser.parse_args()
    pair = f"{chosen.task}-{chosen.dataset}"
    choice = recipe("small", chosen.task, chosen.dataset, steps=chosen.steps, measurement_precision=chosen.measurement_precision,
                    rollout=chosen.rollout, evaluate_every=chosen.steps // POINTS)
    images, validation = (load(chosen.dataset, split, chosen.data) for split in ("train", "validation"))
    classifier = load_classifier(RESULTS / f"classifier-{chosen.dataset}" / "weights.safetensors")
    rows = measure(choice, chosen.runs / pair, images, validation, n=chosen.n, fid=chosen.fid, classifier=classifier,
                   feature_cache=chosen.runs / "features")
    target = RESULTS / "curves" / pair
    target.parent.mkdir(exist_ok=True)
    record = {"task": chosen.task, "T": choice.degradation().T, "data": validation.provenance, "n": chosen.n,
              "made_for": chosen.measurement_precision,
              "recipe": asdict(choice), "rows": rows}
    target.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    draw(rows).savefig(target.with_suffix(".png"), dpi=100)


if __name__ == "__main__":
    main()

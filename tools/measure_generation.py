"""Cold generation of digits: how x_T is drawn, and what a little noise on it does: results/generation.json.

    python -m tools.measure_generation     # three trainings of two minutes and some sampling on one CPU core; goes on where it was stopped

Restored from drawn block means by the shipped super-resolution network, three seeds of the draw; and from one grey by networks trained
here, three seeds of training and draw. Which noise is best is chosen against training digits and told against test digits.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.data import load, to_float
from colddiff_nb.metrics.classifier import load_classifier
from colddiff_nb.metrics.generation import gaussian_like, generation_scores
from colddiff_nb.sampling import algorithm2
from colddiff_nb.training import recipe, train
from colddiff_nb.weights import load_model, load_pretrained
from colddiff_nb.weights.pretrained import RESULTS

SEEDS, IMAGES = (0, 1, 2), 500
LEVELS = {  # noise on x_T, in [-1, 1]
    "one grey": (0, 0.00005, 0.0001, 0.0002, 0.0004, 0.001), "one Gaussian": (0, 0.001, 0.01), "ten Gaussians": (0, 0.001, 0.01, 0.05, 0.1)}
BUDGET: dict[str, Any] = {"steps": 800, "widths": (32, 48, 96), "severities": "uniform", "rollout": 0.0, "evaluate_every": 800}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/generation"), help="where the trainings are kept")
    runs = parser.parse_args().runs
    classifier = load_classifier(RESULTS / "classifier-mnist" / "weights.safetensors")
    digits, test = load("mnist5k", "train"), load("mnist5k", "test")
    x0, labels = to_float(digits.pixels), digits.labels
    references = {"train": x0[::len(x0) // IMAGES][:IMAGES], "test": to_float(test.pixels[::len(test) // IMAGES][:IMAGES])}
    rows: list[dict[str, Any]] = []

    def add(start: str, noise: float, seed: int, images: Tensor) -> None:
        images = images.clamp(-1, 1)
        scores = {name: generation_scores(images, real, classifier) for name, real in references.items()}
        rows.append({"x_T": start, "noise": noise, "seed": seed, "spread": images.flatten(1).std(0).mean().item(), **scores})
        print(f"{start}, noise {noise:g}, seed {seed}: Frechet distance {scores['test']['frechet']:.1f}", flush=True)

    restore, pixelate, shipped = load_pretrained("superres", "mnist5k")
    blocks = pixelate(x0, pixelate.T)
    draws: dict[str, Callable[[int], Tensor]] = {
        "one Gaussian": lambda seed: gaussian_like(blocks, IMAGES, seed), "clamped": lambda seed: gaussian_like(blocks, IMAGES, seed).clamp(-1, 1),
        "ten Gaussians": lambda seed: torch.cat([gaussian_like(blocks[labels == k], IMAGES // 10, 10 * seed + k) for k in range(10)]).clamp(-1, 1),
        "real x_T": lambda seed: pixelate(x0[seed + 1::len(x0) // IMAGES][:IMAGES], pixelate.T)}
    for seed in SEEDS:
        grain = torch.randn(IMAGES, 1, 32, 32, generator=torch.Generator().manual_seed(1_000 + seed))
        for name, draw in draws.items():
            for level in LEVELS.get(name, (0,)):
                add(name, level, seed, algorithm2(restore, pixelate, draw(seed) + level * grain))
        folder = runs / f"grey-{seed}"
        train(recipe("quick", "mean", "mnist5k", T=20, measurement_precision="8bit", seed=seed, **BUDGET), folder, images=digits)
        from_grey, blur, trained = load_model(folder / "weights.safetensors")
        for level in LEVELS["one grey"]:
            add("one grey", level, seed, algorithm2(from_grey, blur, gaussian_like(blur(x0, blur.T), IMAGES, seed) + level * grain))
        add("no network: a Gaussian of whole digits", 0, seed, gaussian_like(x0, IMAGES, seed))
        add("training digits", 0, seed, x0[seed + 1::len(x0) // IMAGES][:IMAGES])
    add("test digits", 0, 0, references["test"])
    record = {"data": "mnist5k", "n": IMAGES, "shipped": shipped["checksum"], "images_seen": trained["images_seen"], "rows": rows}
    (RESULTS / "generation.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

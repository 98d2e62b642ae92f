"""Three seeds of one cheap pair, and what the small network loses without its parts: results/ablations/record.json and restored.png.

    python -m tools.measure_ablations --data ROOT        # a quarter of an hour on one CPU core; the same command goes on where it stopped

All are trained alike (inpainting MNIST, 64,000 images) and scored on the same validation images. The last one is the course report's
lesson: its first network was too simple, with half the channels here.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from colddiff_nb.data import load, to_float
from colddiff_nb.evaluation import evaluate
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.training import recipe, train
from colddiff_nb.weights import load_model
from colddiff_nb.weights.pretrained import RESULTS

VARIANTS: dict[str, dict[str, Any]] = {
    "seed 0": {}, "seed 1": {"seed": 1}, "seed 2": {"seed": 2}, "no severity input": {"time_input": False}, "no skip connections": {"skips": False},
    "half the channels": {"widths": (24, 40, 80)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--n", type=int, default=500, help="validation images scored")
    chosen = parser.parse_args()
    images, validation = load("mnist", "train", chosen.data), load("mnist", "validation", chosen.data)
    shown = to_float(validation.pixels[:8])
    rows: list[dict[str, Any]] = []
    pictures = {"original": shown}
    for name, changes in VARIANTS.items():
        choice = recipe("small", "inpaint", "mnist", **{"steps": chosen.steps, "evaluate_every": chosen.steps} | changes)
        folder = chosen.runs / name.replace(" ", "-")
        train(choice, folder, images=images)
        network, degrade, metadata = load_model(folder / "weights.safetensors")
        cells = evaluate(network, degrade, validation, folder, methods=("direct", "algorithm2"), n=chosen.n, weights=metadata["checksum"],
                         trained_on=metadata["data"])["cells"]
        rows.append({"name": name, "changes": changes, "parameters": sum(p.numel() for p in network.parameters())}
                    | {f"{metric}_{cell['method']}": cell[metric] for cell in cells for metric in ("rmse", "ssim")})
        drawn = degrade.draw(len(shown), torch.Generator().manual_seed(0))
        pictures["degraded"] = drawn(shown, degrade.T)
        label = "whole network" if name == "seed 0" else name
        if label == name and "seed" in changes:
            continue
        for sampler, title in ((direct, "direct"), (algorithm2, "Algorithm 2")):
            rmse = rows[-1][f"rmse_{sampler.__name__}"]
            pictures[f"{label}, {title}: RMSE {rmse:.3f}"] = sampler(network, drawn, pictures["degraded"])
    seeds = [row for row in rows if row["name"].startswith("seed")]
    spread = {key: {"mean": mean(row[key] for row in seeds), "standard_deviation": stdev(row[key] for row in seeds)}
              for key in rows[0] if key.startswith(("rmse", "ssim"))}
    target = RESULTS / "ablations"
    target.mkdir(exist_ok=True)
    record = {"task": "inpaint", "data": validation.provenance, "n": chosen.n, "images_seen": choice.images_seen, "variants": rows,
              "three_seeds": spread, "torch": torch.__version__}
    (target / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    columns = {f"digit {i + 1}": torch.stack([images[i] for images in pictures.values()]) for i in range(len(shown))}
    grid(columns, 2, list(pictures), f"Inpainting MNIST, {choice.images_seen:,} images seen").save(target / "restored.png")


if __name__ == "__main__":
    main()

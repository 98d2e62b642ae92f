"""A better restorer from equally many images: what each choice of the small recipe buys, three seeds each: results/training_choices.json.

    python -m tools.measure_training_choices --data ROOT     # an hour of one CPU core; the same command goes on where it stopped

Every choice is trained on the same number of images and scored on the same validation images, for masks on digits and for blur on photographs.
All but one choice keep the state.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from colddiff_nb import evaluation as results
from colddiff_nb.data import channels, load
from colddiff_nb.samplers import mirrored
from colddiff_nb.sampling import direct
from colddiff_nb.training import Recipe, recipe, train
from colddiff_nb.weights import load_model
from colddiff_nb.weights.pretrained import RESULTS

PAIRS = (("inpaint", "mnist"), ("deblur", "cifar10"))
CHOICES: dict[str, dict[str, Any]] = {
    "the recipe": {}, "keeps the measurement, not the state": {"data_consistency": "measurement"}, "no rollout": {"rollout": 0.0},
    "L2 for L1": {"loss": "l2"}, "EMA, half-life 10 % for 3 %": {"ema_half_life": 0.1}}
METRICS = ("rmse", "ssim")

results.METHODS["mirrored"] = mirrored(direct)


def score(choice: Recipe, folder: Path, root: Path, n: int) -> dict[str, float]:
    """Train where that was not done yet, and score on validation images: {"rmse_direct": ..., ...}"""
    train(choice, folder, data_root=root)
    network, degrade, metadata = load_model(folder / "weights.safetensors")
    methods = ["direct", "algorithm2", *(["mirrored"] if channels(choice.dataset) == 3 else [])]
    cells = results.evaluate(network, degrade, load(choice.dataset, "validation", root), folder, methods=methods, n=n,
                             trained_on=metadata["data"], weights=metadata["checksum"])["cells"]
    return {f"{metric}_{cell['method']}": cell[metric] for cell in cells for metric in METRICS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--runs", type=Path, default=Path("runs/training-choices"))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=500, help="validation images scored")
    chosen = parser.parse_args()
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for seed in range(chosen.seeds):
        for task, dataset in PAIRS:
            for name, changes in CHOICES.items():
                if task == "inpaint" and "data_consistency" in changes:
                    continue  # for masks nothing is kept
                options = {"data_consistency": "state", "steps": chosen.steps, "evaluate_every": chosen.steps, "seed": seed}
                choice = recipe("small", task, dataset, **options | changes)
                folder = chosen.runs / f"{task}-{dataset}, {name}, seed {seed}"
                found.setdefault((task, dataset, name), []).append(score(choice, folder, chosen.data, chosen.n))
        rows = [{"task": task, "dataset": dataset, "choice": name, "changes": CHOICES[name],
                 "scores": {key: {"seeds": [one[key] for one in scores], "mean": mean(one[key] for one in scores),
                                  "standard_deviation": stdev(one[key] for one in scores) if seed else None} for key in scores[0]}}
                for (task, dataset, name), scores in found.items()]
        record = {"images_seen": choice.images_seen, "split": "validation", "n": chosen.n, "seeds": seed + 1, "rows": rows}
        (RESULTS / "training_choices.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Train a shipped model further, for RMSE or for realism, and score it on validation images at points a doubling apart.

    python -m tools.measure_longer superres mnist --realism 0.1 --seconds 200 --data ROOT

The end scores the whole test split, FID included. What was found is in RUNS/NAME.json, the weights are in RUNS/NAME.
"""
from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from colddiff_nb import evaluation as results
from colddiff_nb.data import load
from colddiff_nb.degradations import make
from colddiff_nb.metrics import scores as metrics
from colddiff_nb.storage import runtime
from colddiff_nb.training import recipe, train
from colddiff_nb.weights import load_model
from colddiff_nb.weights.pretrained import RESULTS

from .measure_realism import classifier_of, curve, scorer, steps_in

POINTS = (1, 2, 4, 8, 16, 32, 48, 64)  # 64ths of the training that are scored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("dataset")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--runs", type=Path, default=Path("runs/longer"))
    parser.add_argument("--seconds", type=float, default=200, help="of training")
    parser.add_argument("--n", type=int, default=2_000, help="validation images scored")
    parser.add_argument("--measurement-precision", default="float32", help="of the validation images")
    parser.add_argument("--realism", type=float, default=0.0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1e-3, help="of learning")
    parser.add_argument("--widths", type=int, nargs=3, help="by default, go on from the shipped weights")
    chosen = parser.parse_args()
    name = f"{chosen.task}-{chosen.dataset}, realism {chosen.realism:g}, widths {chosen.widths or 'as shipped'}"
    shipped = None if chosen.widths else RESULTS / f"{chosen.task}-{chosen.dataset}" / "weights.safetensors"
    both = {"measurement_precision": "both"} if chosen.task != "deblur" else {}
    wide = {"widths": tuple(chosen.widths)} if chosen.widths else {}
    choice = recipe("small", chosen.task, chosen.dataset, realism=chosen.realism, batch=chosen.batch, learning_rate=chosen.rate, **both, **wide)
    run = partial(train, images=load(chosen.dataset, "train", chosen.data), init=shipped)
    choice = replace(choice, steps=steps_in(chosen.seconds, choice, run, chosen.runs / f"{name}, probe"))
    part = choice.steps // 64
    choice = replace(choice, evaluate_every=part, save_every=choice.steps)
    score = scorer(choice, load(chosen.dataset, "validation", chosen.data), chosen.runs, chosen.n, chosen.measurement_precision)

    def on_evaluate(step: int, network: nn.Module) -> dict[str, float]:
        return score(step, network) if step // part in POINTS else {}
    began = time.monotonic()
    run(choice, chosen.runs / name, on_evaluate=on_evaluate)
    record = {"task": chosen.task, "dataset": chosen.dataset, "measurement_precision": chosen.measurement_precision, "n": chosen.n,
              "changes": vars(chosen)
              | {"data": None, "runs": None}, "images_seen": choice.images_seen, "seconds": round(time.monotonic() - began, 1),
              "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu", "curve": curve(chosen.runs / name)}
    (chosen.runs / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    score_test(chosen.runs / name, chosen.data)


def score_test(folder: Path, root: Path) -> None:
    """Every method of the paper on the whole test split, into the folder's metrics.json."""
    network, degrade, metadata = load_model(folder / "weights.safetensors")
    device = runtime.device()
    task, dataset = metadata["recipe"]["task"], metadata["recipe"]["dataset"]
    inception: Any = metrics.Inception(device=device, dtype=torch.float32 if device.type == "cuda" else torch.bfloat16)
    severities = (20, 40) if (task, dataset) == ("deblur", "mnist") else (degrade.T,)
    for T in severities:
        for precision in ("float32",) if task == "deblur" else ("8bit", "float32"):
            results.evaluate(network.to(device), make(task, dataset, T=T).to(device), load(dataset, "test", root), folder,
                             methods=("direct", "algorithm2"), measurement_precision=precision, batch=500, trained_on=metadata["data"],
                             weights=metadata["checksum"], classifier=classifier_of(dataset).to(device), fid=inception)


if __name__ == "__main__":
    main()

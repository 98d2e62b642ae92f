"""Scores what needs no training on the full test splits: the degraded images and the best linear estimator, from float32 and from
8 bits. Writes results/baselines/*.json, and first the classifiers that their columns "identity" and "Frechet" use.

    python tools/measure_baselines.py --data ROOT                    # the folder that holds MNIST and CIFAR-10
    python tools/measure_baselines.py --data ROOT --fid bfloat16     # FID too, of the rows from float32: hours on a CPU core

A file is written anew as a whole: without --fid it has no FID.
"""
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from measure_models import add_fid_options, chosen_inception

from colddiff_nb import metrics
from colddiff_nb.classifier import Classifier, load_classifier, save_classifier, train_classifier
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import TASKS, Separable, make
from colddiff_nb.linear import LinearEstimator, Statistics, fit, statistics
from colddiff_nb.pretrained import RESULTS
from colddiff_nb.results import evaluate

ROWS: dict[str, list[tuple[str, int | None]]] = {
    "mnist": [("superres", None), ("deblur", None), ("deblur", 20), ("inpaint", None)],
    "cifar10": [("superres", None), ("deblur", None), ("inpaint", None)]}


# What `train_classifier` is given: minutes of a CPU core for digits, an hour for CIFAR-10.
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "mnist": {"epochs": 5, "features": 64}, "cifar10": {"epochs": 30, "batch": 128, "features": 128, "widths": (64, 128, 128), "depth": 2}}


def classifier(dataset: str, root: Path) -> Classifier:
    """The shipped classifier, trained first where there is none."""
    folder = RESULTS / f"classifier-{dataset}"
    path = folder / "weights.safetensors"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        start, train, test = time.perf_counter(), load(dataset, "train", root), load(dataset, "test", root)
        record: dict[str, Any] = {"trained_on": train.provenance} | CLASSIFIERS[dataset]
        save_classifier(train_classifier(train, **CLASSIFIERS[dataset]), path, record)
        network = load_classifier(path)  # as shipped, in float16
        correct = torch.cat([network(to_float(pixels)).argmax(1) for pixels in test.pixels.split(500)]) == test.labels
        low, high = metrics.bootstrap(correct.double())
        record |= {"name": network.name, "scored_on": test.provenance, "accuracy": correct.double().mean().item(),
                   "accuracy_interval": [low, high], "seconds": round(time.perf_counter() - start)}
        write(folder / "record.json", record)
        print(f"{network.name}: test accuracy {record['accuracy']:.2%}", flush=True)
    return load_classifier(path)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def linear_cells(degrade: Separable, data: Statistics, name: str, root: Path, scoring: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The linear estimator's cells, float32 and 8bit: those of `evaluate`, under the method's own name and with its noise."""
    validation, test = load(name, "validation", root), load(name, "test", root)
    decomposed: LinearEstimator | None = None
    cells = []
    for measurement in scoring:
        estimator, record = fit(degrade, data, validation, measurement, start=decomposed)
        decomposed = estimator
        cell = evaluate(estimator, degrade, test, methods=("direct",), measurement=measurement, trained_on=data.images,
                        **scoring[measurement])["cells"][0]
        cell["method"] = cell["provenance"]["method"] = "linear"
        cells.append(cell | {"linear": record})
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--names", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--severities", nargs="+", type=int, metavar="T", help="these only; default: all that are published")
    add_fid_options(parser)
    chosen = parser.parse_args()
    root: Path = chosen.data
    inception = chosen_inception(chosen)
    for name in chosen.names:
        classified = {"classifier": classifier(name, root)}
        scoring: dict[str, dict[str, Any]] = {  # FID takes too long for both
            "float32": classified | {"fid": inception, "feature_cache": chosen.feature_cache}, "8bit": classified}
        test, data = load(name, "test", root), statistics(load(name, "train", root))
        for task, T in ROWS[name]:
            degrade = make(task, name, T=T)
            if task not in chosen.tasks or chosen.severities and degrade.T not in chosen.severities:
                continue
            cells = []
            for measurement, options in scoring.items():
                cells += evaluate(None, degrade, test, methods=("degraded",), measurement=measurement, **options)["cells"]
            if isinstance(degrade, Separable):
                cells += linear_cells(degrade, data, name, root, scoring)
            write(RESULTS / "baselines" / f"{task}-{name}-T{degrade.T}.json", {"cells": cells})


if __name__ == "__main__":
    main()

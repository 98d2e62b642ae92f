"""Scores what needs no training on the full test splits: the degraded images and the best linear estimator, from float32 and from
8 bits. Writes results/baselines/*.json, and first the classifiers that their columns "class accuracy" and "Frechet" use.

    python tools/measure_baselines.py --data ROOT                    # the folder that holds MNIST and CIFAR-10
    python tools/measure_baselines.py --data ROOT --fid bfloat16 --rounded --methods lmmse     # FID too: 11 minutes a row on a CPU core

Every row that is asked for is scored anew: without --fid it has no FID.
"""
from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from measure_models import add_fid_options, chosen_inception

from colddiff_nb.data import Images, load, to_float
from colddiff_nb.degradations import TASKS, Degradation, make
from colddiff_nb.evaluation import evaluate
from colddiff_nb.metrics import scores as metrics
from colddiff_nb.metrics.classifier import Classifier, load_classifier, save_classifier, train_classifier
from colddiff_nb.metrics.lmmse import LMMSE, Statistics, fit, statistics
from colddiff_nb.weights.pretrained import RESULTS

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


def keep(cell: dict[str, Any], path: Path) -> None:
    """Put the cell into a file, in the place of one of the same method and measurement."""
    cells = json.loads(path.read_text())["cells"] if path.is_file() else []
    write(path, {"cells": [other for other in cells if any(other[key] != cell[key] for key in ("method", "measurement_precision"))] + [cell]})


def file_of(degrade: Degradation, test: Images) -> Path:
    return RESULTS / "baselines" / f"{degrade.task}-{test.name}-T{degrade.T}.json"


def score_degraded(degrade: Degradation, test: Images, measurements: Sequence[str], scoring: dict[str, Any]) -> None:
    for precision in measurements:
        cell, = evaluate(None, degrade, test, methods=("degraded",), measurement_precision=precision, **scoring)["cells"]
        keep(cell, file_of(degrade, test))


def score_lmmse(degrade: Degradation, data: Statistics, validation: Images, test: Images, measurements: Sequence[str],
                 scoring: dict[str, Any]) -> None:
    estimator: LMMSE | None = None
    for precision in measurements:
        estimator, record = fit(degrade, data, validation, precision, start=estimator)
        cell, = evaluate(estimator, degrade, test, methods=("direct",), measurement_precision=precision, trained_on=data.images, **scoring)["cells"]
        cell["method"] = cell["provenance"]["method"] = "lmmse"  # to `evaluate` any restorer's single call is direct
        keep(cell | {"lmmse": record}, file_of(degrade, test))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--names", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--severities", nargs="+", type=int, metavar="T", help="these only; default: all that are published")
    parser.add_argument("--methods", nargs="+", default=("degraded", "lmmse"), choices=("degraded", "lmmse"))
    parser.add_argument("--precisions", nargs="+", default=("float32", "8bit"), choices=("float32", "8bit"))
    add_fid_options(parser)
    chosen = parser.parse_args()
    inception = chosen_inception(chosen)
    for name in chosen.names:
        scoring = {"classifier": classifier(name, chosen.data), "fid": inception, "feature_cache": chosen.feature_cache}
        test, degradations = load(name, "test", chosen.data), [make(task, name, T=T) for task, T in ROWS[name] if task in chosen.tasks]
        degradations = [degrade for degrade in degradations if not chosen.severities or degrade.T in chosen.severities]
        if "degraded" in chosen.methods:
            for degrade in degradations:
                score_degraded(degrade, test, chosen.precisions, scoring)
        if "lmmse" in chosen.methods:
            data, validation = statistics(load(name, "train", chosen.data)), load(name, "validation", chosen.data)
            for degrade in degradations:
                score_lmmse(degrade, data, validation, test, chosen.precisions, scoring)


if __name__ == "__main__":
    main()

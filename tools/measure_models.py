"""Scores the shipped models on a split of MNIST and CIFAR-10, cell by cell, going on where it stopped; writes results/*/metrics.json.

    python -m tools.measure_models --data ROOT                                  # every cell of the tables on the full test split: hours
    python -m tools.measure_models --data ROOT --methods direct algorithm2 --precisions float32
    python -m tools.measure_models --data ROOT --split validation --n 1000      # the rows that `make test` computes again
"""
from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from colddiff_nb.data import load
from colddiff_nb.degradations import TASKS
from colddiff_nb.evaluation import evaluate
from colddiff_nb.metrics.classifier import load_classifier
from colddiff_nb.metrics.scores import Inception, load_inception
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe
from colddiff_nb.weights import load_pretrained
from colddiff_nb.weights.pretrained import RESULTS, pretrained_folder

SEVERITIES = {"deblur-mnist": (20, 40)}  # to start from, with one network: that of the paper's table, and the one its text names


def score(task: str, dataset: str, precision: str, inception: Inception | Literal[False], chosen: argparse.Namespace) -> None:
    network, trained, metadata = load_pretrained(task, dataset, precision)
    folder = pretrained_folder(task, dataset, precision)
    images, device = load(dataset, chosen.split, chosen.data), runtime.device()
    shipped = RESULTS / f"classifier-{dataset}" / "weights.safetensors"
    classifier = load_classifier(shipped).to(device) if shipped.is_file() else None
    recipe = Recipe(**metadata["recipe"] | {"widths": tuple(metadata["recipe"]["widths"])})
    for T in chosen.severities or SEVERITIES.get(f"{task}-{dataset}", (trained.T,)):
        degrade = replace(recipe, T=T).degradation().to(device)
        print(f"{folder.name}, T = {T}, {chosen.split}", flush=True)
        evaluate(network.to(device), degrade, images, folder, methods=chosen.methods, measurement_precision=precision, n=chosen.n, fid=inception,
                 trained_on=metadata["data"], weights=metadata["checksum"], classifier=classifier, feature_cache=chosen.feature_cache,
                 log=lambda line: print("  " + line, flush=True))


def add_fid_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fid", nargs="?", const="float32", choices=("float32", "bfloat16"),
                        help="FID too, by Inception in this precision: minutes a cell on a GPU, half an hour on a CPU core")
    parser.add_argument("--rounded", action="store_true", help="round images to 8 bits before Inception, as files would be: not the paper's FID")
    parser.add_argument("--feature-cache", type=Path, default=Path("runs/features"), help="where the originals' Inception features are kept")


def chosen_inception(chosen: argparse.Namespace) -> Inception | Literal[False]:
    """What `evaluate` takes as `fid`. Raises SystemExit where Inception's weights cannot be had."""
    if not chosen.fid:
        return False
    inception, why = load_inception(device=runtime.device(), dtype=getattr(torch, chosen.fid), rounded=chosen.rounded)
    if why:
        raise SystemExit(f"no FID: {why}; leave out --fid")
    return inception or False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--datasets", nargs="+", default=("mnist", "cifar10"), choices=("mnist", "cifar10"))
    parser.add_argument("--methods", nargs="+", default=tuple(SAMPLERS), choices=("degraded", *SAMPLERS))
    parser.add_argument("--severities", nargs="+", type=int, metavar="T", help="start from these only; default: those of the tables")
    parser.add_argument("--precisions", nargs="+", default=("float32", "8bit"), choices=("float32", "8bit"))
    parser.add_argument("--split", default="test", choices=("test", "validation"))
    parser.add_argument("--n", type=int, help="that many images, spread over the split; default: all")
    add_fid_options(parser)
    chosen = parser.parse_args()
    inception = chosen_inception(chosen)
    for dataset in chosen.datasets:
        for task in chosen.tasks:
            for precision in chosen.precisions:
                score(task, dataset, precision, inception, chosen)


if __name__ == "__main__":
    main()

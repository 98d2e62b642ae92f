"""Scores every sampler with the same shipped weights, from float32 and from 8-bit measurements, beside the paper's Algorithm 2.

    python tools/measure_samplers.py --data ROOT        # the folder that holds MNIST and CIFAR-10

Writes results/samplers/<model>/metrics.json, cell by cell, so that it goes on where it was stopped. `make results` makes the tables.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from result_samplers import SAMPLERS, fewer

from colddiff_nb import evaluation as results
from colddiff_nb import samplers, sampling
from colddiff_nb.data import channels, load
from colddiff_nb.degradations import Degradation, make
from colddiff_nb.metrics.classifier import load_classifier
from colddiff_nb.weights import load_model


def chosen_samplers(degrade: Degradation, precision: str) -> dict[str, Callable]:
    """The samplers of result_samplers.SAMPLERS, for the measurements of one kind."""
    few = fewer(degrade.T)
    found: dict[str, Callable] = {
        "direct": sampling.direct, "algorithm1": sampling.algorithm1, "algorithm2": sampling.algorithm2,
        "between": partial(samplers.between, keep=0.5), "mixed": partial(samplers.mixed, share=0.5),
        "fewer": partial(sampling.algorithm2, T=few), "projected direct": samplers.project_onto_measurement(sampling.direct, precision),
        "projected": samplers.project_onto_measurement(sampling.algorithm2, precision)}
    if channels(degrade.options["dataset"]) == 3:
        found["mirrored"] = samplers.mirrored(sampling.direct)
    assert set(found) <= set(SAMPLERS)
    return found if len(few) < degrade.T else {name: sampler for name, sampler in found.items() if name != "fewer"}


def measure(folder: Path, root: Path, split: str, n: int) -> None:
    """All cells of the shipped weights in a folder of results/; those for deblurring MNIST also from the paper's T = 20."""
    restore, degrade, metadata = load_model(folder / "weights.safetensors")
    trained = metadata["recipe"]
    images, reads = load(trained["dataset"], split, root), HOME / "results" / f"classifier-{trained['dataset']}" / "weights.safetensors"
    classifier = load_classifier(reads) if reads.is_file() else None
    both = degrade.task == "deblur" and degrade.T == 40
    for variant in [degrade, *([make(**degrade.options | {"T": 20})] if both else [])]:
        for precision in ("8bit",) if trained["measurement_precision"] == "8bit" else ("float32", "8bit"):
            print(f"{folder.name}, T = {variant.T}", flush=True)
            found = chosen_samplers(variant, precision)
            results.METHODS |= found
            results.evaluate(restore, variant, images, HOME / "results" / "samplers" / folder.name, methods=list(found), n=n,
                             measurement_precision=precision, trained_on=metadata["data"], weights=metadata["checksum"], classifier=classifier)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    parser.add_argument("-n", type=int, default=500, help="images, spread evenly over the split")
    parser.add_argument("--models", nargs="+", help="folders of results/ (default: all with weights of a restorer)")
    arguments = parser.parse_args()
    found = sorted(path.parent for path in (HOME / "results").glob("*-*/weights.safetensors") if not path.parent.name.startswith("classifier"))
    for folder in found:
        if not arguments.models or folder.name in arguments.models:
            measure(folder, arguments.data, arguments.split, arguments.n)


if __name__ == "__main__":
    main()

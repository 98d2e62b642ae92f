"""What needs no training: the degraded images and the best linear estimator, on the full test splits.

From float32 and from 8 bits. First trains the classifiers that the columns "class accuracy" and "Frechet"
use, where they are not there. With --fid bfloat16 --rounded an FID takes 11 minutes a row on a CPU core.
"""
from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from colddiff_nb import metrics
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make
from colddiff_nb.metrics.classifier import Classifier, save_classifier, train_classifier
from colddiff_nb.metrics.evaluation import evaluate
from colddiff_nb.metrics.lmmse import Statistics, fit, statistics
from colddiff_nb.weights import shipped_classifier
from colddiff_nb.weights.pretrained import SHIPPED
from studies.models import Scored
from studies.published import Published
from studies.study import Fields, write
from studies.tables import section

CLASSIFIERS: dict[str, dict[str, Any]] = {  # minutes of a CPU core for digits, an hour for CIFAR-10
    "mnist": {"epochs": 5, "features": 64},
    "cifar10": {"epochs": 30, "batch": 128, "features": 128, "widths": (64, 128, 128), "depth": 2}}


@dataclass
class Baselines(Scored):
    methods: tuple[str, ...] = ("degraded", "lmmse")

    file = "baselines/{task}-{data}-T{T}.json"
    rows = "cells"

    def cases(self) -> Iterator[Fields]:
        for dataset in self.datasets:
            for task in self.tasks:
                both = (40, 20) if (task, dataset) == ("deblur", "mnist") else None
                for T in self.severities or both or (make(task, dataset).T,):
                    for method in self.methods:
                        for precision in self.precisions:
                            yield {"task": task, "data": dataset, "T": T, "method": method,
                                   "measurement_precision": precision}

    def recorded(self, row: Fields, case: Fields) -> bool:
        same = all(row[name] == case[name] for name in ("method", "measurement_precision"))
        return same and (not self.fid or isinstance(row["fid"], float))

    def measure(self, task: str, data: str, T: int, method: str,
                measurement_precision: str) -> Iterator[Fields]:
        degrade, test = make(task, data, T=T), load(data, "test", self.data)
        judges = replace(self.judges(data), classifier=self.classifier(data))
        options: Fields = {"measurement_precision": measurement_precision, "judges": judges}
        if method == "degraded":
            yield from evaluate((None, degrade, {}), test, methods=("degraded",), **options)["cells"]
            return
        known, validation = training_statistics(data, self.data), load(data, "validation", self.data)
        estimator, record = fit(degrade, known, validation, measurement_precision)
        model = estimator, degrade, {"data": known.images}
        cell, = evaluate(model, test, methods=("direct",), **options)["cells"]
        cell["method"] = cell["provenance"]["method"] = "lmmse"  # `evaluate` calls it direct
        yield cell | {"lmmse": record}

    def classifier(self, dataset: str) -> Classifier:
        """The shipped classifier, trained first where there is none."""
        path = SHIPPED / f"classifier-{dataset}.safetensors"
        if path.is_file():
            return shipped_classifier(dataset)
        start, options = time.perf_counter(), CLASSIFIERS[dataset]
        train, test = (load(dataset, split, self.data) for split in ("train", "test"))
        record: Fields = {"trained_on": train.provenance} | options
        save_classifier(train_classifier(train, **options), path, record)
        network = shipped_classifier(dataset)  # as shipped, in float16
        correct = torch.cat([network(to_float(pixels)).argmax(1)
                             for pixels in test.pixels.split(500)]) == test.labels
        accuracy = {"accuracy": correct.double().mean().item(),
                    "accuracy_interval": list(metrics.bootstrap(correct.double()))}
        write(self.results / f"classifier-{dataset}" / "record.json", record | accuracy | {
            "name": network.name, "scored_on": test.provenance,
            "seconds": round(time.perf_counter() - start)})
        return network


@cache
def training_statistics(dataset: str, root: Path) -> Statistics:
    return statistics(load(dataset, "train", root))


@section
def classifier(published: Published) -> str:
    """Which classifiers class accuracy and Frechet rest on, and how well they read the originals."""
    records = [published.read(f"classifier-{dataset}/record.json") for dataset in CLASSIFIERS]
    named = [f"*{record['name']}*, {record['features']} features, right on "
             f"{record['accuracy']:.2%} of the test split"
             for record in records if record]
    return f"The classifiers: {'; '.join(named)}." if named else "No classifier has been published yet."

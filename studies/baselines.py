"""What needs no training: the degraded images and the best linear estimator, on the full test splits.

From float32 and from 8 bits. With --fid bfloat16 --rounded an FID takes 11 minutes a row on a CPU core.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from colddiff_nb import evaluate, load, make
from colddiff_nb.metrics.lmmse import Statistics, fit, statistics
from studies.models import Scored
from studies.study import Fields, each, severities


@dataclass
class Baselines(Scored):
    methods: tuple[str, ...] = ("degraded", "lmmse")

    file = "baselines/{task}-{data}-T{T}.json"
    rows = "cells"

    def cases(self) -> Iterator[Fields]:
        for pair in each(data=self.datasets, task=self.tasks):
            for case in each(T=severities(pair["task"], pair["data"]), method=self.methods,
                             measurement_precision=self.precisions):
                yield pair | case

    def recorded(self, row: Fields, case: Fields) -> bool:
        same = all(row[name] == case[name] for name in ("method", "measurement_precision"))
        return same and (not self.fid or isinstance(row["fid"], float))

    def measure(self, task: str, data: str, T: int, method: str,
                measurement_precision: str) -> Iterator[Fields]:
        degrade, test = make(task, data, T=T), load(data, "test", self.data)
        options: Fields = {"measurement_precision": measurement_precision, "judges": self.judges(data)}
        if method == "degraded":
            yield from evaluate((None, degrade, {}), test, methods=("degraded",), **options)["cells"]
            return
        known, validation = training_statistics(data, self.data), load(data, "validation", self.data)
        estimator, record = fit(degrade, known, validation, measurement_precision)
        model = estimator, degrade, {"data": known.images}
        cell, = evaluate(model, test, methods=("direct",), **options)["cells"]
        cell["method"] = cell["provenance"]["method"] = "lmmse"  # `evaluate` calls it direct
        yield cell | {"lmmse": record}


@cache
def training_statistics(dataset: str, root: Path) -> Statistics:
    return statistics(load(dataset, "train", root))

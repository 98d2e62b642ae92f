"""What needs no training: the degraded images and the best linear estimator, on the full test splits.

From float32 and from 8 bits. With --fid bfloat16 --rounded an FID takes 11 minutes a row on a CPU core.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from colddiff_nb import load, make, rmse, to_float
from colddiff_nb.data import Images
from colddiff_nb.degradations import Degradation, measure
from colddiff_nb.degradations.tasks import Masks
from colddiff_nb.metrics.evaluation import METHODS, Model
from colddiff_nb.metrics.lmmse import LMMSE, Statistics, statistics
from studies.models import Scored
from studies.study import Fields, each, severities

# Tried, times the measured noise variance. That need not be the best: the error is no white noise, and with
# few images the covariance is noisy, so the ridge must be much larger than the rounding error.
FACTORS = tuple(10.0 ** power for power in range(-2, 15))


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
        degrade = make(task, data, T=T)
        model: Model = None, degrade, {}
        sampler, chosen = METHODS[method if method == "degraded" else "direct"], {}
        if method == "lmmse":
            known, validation = training_statistics(data, self.data), load(data, "validation", self.data)
            fitted, record = fit(degrade, known, validation, measurement_precision)
            model, chosen = (fitted, degrade, {"data": known.images}), {"lmmse": record}
        cell, = self.score(model, load(data, "test", self.data), fid=self.fid, rounded=self.rounded,
                           methods={method: sampler}, measurement_precision=measurement_precision)
        yield cell | chosen


@cache
def training_statistics(dataset: str, root: Path) -> Statistics:
    return statistics(load(dataset, "train", root))


class AnyMask(LMMSE):
    """The estimator that is not told where a mask lies: its moments are averages over all of them."""

    def decompose(self, degrade: Degradation, data: Statistics) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """E x_T = E m * E x0, E x_T x_T^T = E m m^T * E x0 x0^T, Cov(x_T, x0) = diag(E m) C."""
        assert isinstance(degrade, Masks)
        centers = degrade.centers()
        masks = degrade.gains_at(torch.full((len(centers),), degrade.T), centers).double()
        masks = masks.expand(-1, len(data.mean), -1, -1).flatten(1)  # (n, d): all channels alike
        mean, covariance = data.mean.flatten(), data.root @ data.root.mT
        expected = masks.mean(0) * mean
        products = masks.mT @ masks / len(masks) * (covariance + mean.outer(mean))
        values, P = torch.linalg.eigh(products - expected.outer(expected))
        kept = values > 1e-12 * values[-1]
        S, P = values[kept].sqrt(), P[:, kept]
        return expected.view_as(data.mean), P, S, P.mT @ (masks.mean(0)[:, None] * covariance) / S[:, None]


def estimator(degrade: Degradation, data: Statistics, noise: float) -> LMMSE:
    return (AnyMask if isinstance(degrade, Masks) and degrade.random else LMMSE)(degrade, data, noise)


def fit(degrade: Degradation, data: Statistics, validation: Images,
        measurement_precision: str = "float32") -> tuple[LMMSE, Fields]:
    """Choose the noise: of the measured variance times FACTORS, that with the least validation RMSE.

    Measured is the mean square of x_T as measured minus the exact D(x0, T), computed in float64.
    """
    x0 = to_float(validation.pixels)
    drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
    x_T = measure(drawn(x0, degrade.T), measurement_precision)
    measured = (x_T - drawn(x0.double(), degrade.T)).square().mean().item()
    unfitted = estimator(degrade, data, measured)
    scores = {factor: rmse(unfitted.with_noise(measured * factor)(x_T, degrade.T), x0) for factor in FACTORS}
    best = min(scores, key=lambda factor: scores[factor])
    record = {"measured_noise": measured, "factor": best, "validation_rmse": scores[best],
              "validation_n": len(x0)}
    return unfitted.with_noise(measured * best), record

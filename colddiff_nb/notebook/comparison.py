"""One image restored in three ways, and what a figure says of it in words and numbers.

Only `compare` calls the network. All numbers are on the [0, 1] scale;
steps and errors of colour images are means over the channels.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.degradations.tasks import measure
from colddiff_nb.metrics import rmse
from colddiff_nb.sampling import Restore, Trajectory, algorithm1, algorithm2, severities

NAMES = {"algorithm2": "Algorithm 2", "algorithm1": "Algorithm 1"}  # in the order of a figure's rows


@dataclass(frozen=True, eq=False)
class Comparison:
    """x0 and x_T (C, H, W) in [-1, 1], and two trajectories of batch size 1.

    k = 0..steps counts the steps done. Raises ValueError if the trajectories
    do not visit the same severities.
    """

    x0: Tensor
    x_T: Tensor
    algorithm2: Trajectory
    algorithm1: Trajectory
    title: str = ""

    def __post_init__(self) -> None:
        one, other = self.algorithm1.severities, self.algorithm2.severities
        if one != other:
            raise ValueError(f"Algorithm 2 took {other}, Algorithm 1 {one}: give both the same T")

    @property
    def steps(self) -> int:
        return len(self.algorithm2.severities)

    @property
    def direct(self) -> Tensor:
        """The direct reconstruction (C, H, W): the first prediction of either algorithm."""
        return self.prediction("algorithm2", 0)

    def severity(self, k: int) -> int:
        """Return s of the state after k steps. Raises ValueError for k outside 0..steps."""
        if not 0 <= k <= self.steps:
            raise ValueError(f"k = {k} steps done lies outside 0..{self.steps}, the steps of this comparison")
        return [*self.algorithm2.severities, 0][k]

    def state(self, name: str, k: int) -> Tensor:
        """Return x_s after k steps of an algorithm, (C, H, W)."""
        return getattr(self, name).x[k][0]

    def prediction(self, name: str, k: int) -> Tensor:
        """Return the x0_hat made from the state after k steps, (C, H, W); at the end the last one."""
        return getattr(self, name).x0_hat[min(k, self.steps - 1)][0]

    def added(self, name: str, k: int) -> Tensor:
        """Return x_{s-1} - x_s, (H, W): what the step from state k adds; zero at the end."""
        after = self.state(name, min(k + 1, self.steps))
        return (after - self.state(name, k)).mean(0) / 2

    def error(self, name: str, k: int) -> Tensor:
        """Return |x0_hat - x0|, (H, W)."""
        guess = self.prediction(name, k).clamp(-1, 1)
        return (guess - self.x0.clamp(-1, 1)).abs().mean(0) / 2

    def limit(self, of: Any) -> float:
        """Return where colours of `added` or `error` end: beyond 99.8 % of all pixels."""
        values = [of(name, k).abs().numpy() for name in NAMES for k in range(self.steps)]
        return max(float(np.quantile(values, 0.998)), 0.01)

    @cached_property
    def rmse(self) -> dict[str, list[float]]:
        """RMSE for k = 0..steps of "algorithm2 state" and so on, and of "direct"."""
        found = {}
        for name in NAMES:
            for what, of in (("state", self.state), ("prediction", self.prediction)):
                images = [of(name, k) for k in range(self.steps + 1)]
                found[f"{name} {what}"] = [rmse(x[None], self.x0[None]) for x in images]
        return found | {"direct": found["algorithm2 prediction"][:1] * (self.steps + 1)}


def compare(restore: Restore, degrade: Degradation, x0: Tensor, title: str = "",
            measurement_precision: str = "float32", T: int | Sequence[int] | None = None) -> Comparison:
    """Degrade x0 (1, C, H, W) in [-1, 1] and restore it in all three ways, once.

    A random `degrade` must be drawn for this image. measurement_precision "8bit" rounds x_T
    to 256 levels; T as in the samplers. Raises ValueError for another precision or batch size.
    """
    if x0.ndim != 4 or len(x0) != 1:
        raise ValueError(f"x0 has shape {tuple(x0.shape)}: give one image (1, C, H, W), such as x0[:1]")
    x_T = measure(degrade(x0, severities(degrade, T)[0]), measurement_precision)
    second, first = (_on_cpu(sampler(restore, degrade, x_T, T, trajectory=True))
                     for sampler in (algorithm2, algorithm1))
    return Comparison(x0[0].cpu(), x_T[0].cpu(), second, first, title)


def _on_cpu(run: Trajectory) -> Trajectory:
    return replace(run, x=[x.cpu() for x in run.x], x0_hat=[x.cpu() for x in run.x0_hat])


def readout(comparison: Comparison, k: int) -> str:
    """Say step, severity, and the RMSE that Algorithm 2 has if it stops here."""
    s, scores = comparison.severity(k), comparison.rmse
    stopped = scores["algorithm2 prediction" if k < comparison.steps else "algorithm2 state"][k]
    return f"step {k} of {comparison.steps}, s = {s}, RMSE {stopped:.3f} (direct {scores['direct'][k]:.3f})"


def describe(comparison: Comparison, k: int) -> str:
    """Say in one sentence what a frame shows, for readers who do not see it."""
    s, scores = comparison.severity(k), comparison.rmse
    rows = "; ".join(
        f"{label}: state {scores[f'{name} state'][k]:.3f}, prediction {scores[f'{name} prediction'][k]:.3f}"
        for name, label in NAMES.items())
    return (f"{comparison.title or 'One image'} after {k} of {comparison.steps} steps, severity {s}: "
            "pictures of state, prediction, what the next step adds and error, and curves of RMSE. "
            f"RMSE here: {rows}; "
            f"direct reconstruction: {scores['direct'][k]:.3f}.")

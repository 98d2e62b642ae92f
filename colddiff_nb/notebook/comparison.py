"""One image restored in three ways, and what a figure says of it; numbers are on the [0, 1] scale."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from colddiff_nb.degradations.contract import DrawnDegradation
from colddiff_nb.metrics import squared_errors
from colddiff_nb.sampling import Restore, Trajectory, algorithm1, algorithm2

NAMES = {"algorithm2": "Algorithm 2", "algorithm1": "Algorithm 1"}  # in the order of a figure's rows


@dataclass(frozen=True, eq=False)
class Comparison:
    """x0 and x_T (C, H, W) in [-1, 1], two trajectories of batch size 1; k = 0..steps counts steps done."""

    x0: Tensor
    x_T: Tensor
    algorithm2: Trajectory
    algorithm1: Trajectory
    title: str

    @property
    def severities(self) -> list[int]:
        return [*self.algorithm2.severities, 0]

    @property
    def steps(self) -> int:
        return len(self.algorithm2.severities)

    @property
    def direct(self) -> Tensor:
        """The direct reconstruction (C, H, W): either algorithm's first prediction."""
        return self.algorithm2.x0_hat[0][0]

    @cached_property
    def panels(self) -> dict[str, dict[str, Tensor]]:
        """What a figure shows of each algorithm after k steps.

        "state" and its "prediction": (steps + 1, C, H, W); what the next step "adds" and the prediction's
        "error", means over the channels: (steps + 1, H, W).
        """
        found = {}
        for name in NAMES:
            run = getattr(self, name)
            state, prediction = torch.cat(run.x), torch.cat([*run.x0_hat, run.x0_hat[-1]])
            adds = state.diff(dim=0, append=state[-1:]).mean(1) / 2
            error = (prediction.clamp(-1, 1) - self.x0.clamp(-1, 1)).abs().mean(1) / 2
            found[name] = {"state": state, "prediction": prediction, "adds": adds, "error": error}
        return found

    def limit(self, what: str) -> float:
        """Return where colours of "adds" or "error" end: beyond 99.8 % of all pixels."""
        values = torch.cat([panels[what][:-1] for panels in self.panels.values()])
        return max(float(np.quantile(values.abs().numpy(), 0.998)), 0.01)

    @cached_property
    def rmse(self) -> dict[str, list[float]]:
        """RMSE for k = 0..steps of "algorithm2 state" and so on, and of "direct"."""
        found = {
            f"{name} {what}": squared_errors(panels[what], self.x0.expand_as(panels[what])).sqrt().tolist()
            for name, panels in self.panels.items() for what in ("state", "prediction")}
        return found | {"direct": found["algorithm2 prediction"][:1] * (self.steps + 1)}


def compare(restore: Restore, degrade: DrawnDegradation, x0: Tensor, title: str) -> Comparison:
    """Degrade x0 (1, C, H, W) in [-1, 1] by a drawn `degrade`, and restore it in all three ways."""
    x_T = degrade(x0, degrade.T)
    second, first = (sampler(restore, degrade, x_T, trajectory=True) for sampler in (algorithm2, algorithm1))
    return Comparison(x0[0], x_T[0], second, first, title)


def readout(comparison: Comparison, k: int) -> str:
    """Say step, severity, and the RMSE that Algorithm 2 has if it stops here."""
    scores, steps = comparison.rmse, comparison.steps
    stopped = scores["algorithm2 prediction" if k < steps else "algorithm2 state"][k]
    s, direct = comparison.severities[k], scores["direct"][k]
    return f"step {k} of {steps}, s = {s}, RMSE {stopped:.3f} (direct {direct:.3f})"


def describe(comparison: Comparison, k: int) -> str:
    """Say in one sentence what a frame shows, for readers who do not see it."""
    scores = {name: f"{values[k]:.3f}" for name, values in comparison.rmse.items()}
    rows = "; ".join(f"{label}: state {scores[f'{name} state']}, prediction {scores[f'{name} prediction']}"
                     for name, label in NAMES.items())
    return (f"{comparison.title} after {k} of {comparison.steps} steps, severity {comparison.severities[k]}: "
            "pictures of state, prediction, what the next step adds and error, and curves of RMSE. "
            f"RMSE here: {rows}; direct reconstruction: {scores['direct']}.")

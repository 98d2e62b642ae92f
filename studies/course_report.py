"""Would "another 500,000 steps" bridge the course report's gaps? Power laws fitted to its rows.

Error = a * steps^-b, with its 95 % prediction interval at 700,000 steps. The errors are RMSE on [0, 1],
1 - SSIM and FID. Two windows, all rows and the second half, because the interval knows the scatter about a
power law, but not whether the curve is one.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from studies.published import Published
from studies.study import Fields, Study, each
from studies.tables import section, table

RUNS = {"mnist": "deblur-mnist", "cifar10": "deblur-cifar10",  # T = 40 and 100
        "super_mnist": "superres-mnist", "super_cifar10": "superres-cifar10"}  # to 5 x 5
TARGET = 700_000
ERRORS = ("RMSE", "1 - SSIM", "FID")
WINDOWS = {"all": 0, "second half": 100_000}  # steps to begin with


@dataclass
class CourseReport(Study):
    file = "report/trend.json"
    rows = "fits"

    def header(self) -> Fields:
        return {"target": TARGET}

    def cases(self) -> list[Fields]:
        return each(run=RUNS, metric=ERRORS, window=WINDOWS)

    def measure(self, run: str, metric: str, window: str) -> Iterator[Fields]:
        rows = pd.read_csv(self.results / f"report/{run}.csv", dtype=float).to_dict("records")
        kept = without_resumes(rows)
        inside = [row for row in kept if row["step"] >= WINDOWS[window]]
        fit = {"rows": len(rows), "kept": len(inside), "last_step": kept[-1]["step"],
               "last": error(kept[-1], metric)}
        if len(inside) > 5:
            fit |= power_law([row["step"] for row in inside], [error(row, metric) for row in inside], TARGET)
        yield fit


def error(row: dict[str, float], metric: str) -> float:
    return {"RMSE": row["rmse"] / 2, "1 - SSIM": 1 - row["ssim"], "FID": row["fid"]}[metric]


def without_resumes(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Rows beyond all before them, whose SSIM has made up what a resume before them set back."""
    kept: list[dict[str, float]] = []
    lost = 0.0  # the SSIM that is to be made up
    for row in rows:
        if kept and row["step"] <= kept[-1]["step"]:
            before = max(other["ssim"] for other in kept if other["step"] <= row["step"])
            lost = kept[-1]["ssim"] if row["ssim"] < before else lost
        elif row["ssim"] >= lost:
            kept.append(row)
            lost = 0.0
    return kept


def power_law(steps: ArrayLike, errors: ArrayLike, target: float) -> Fields:
    """error = a * steps^-b: b with its 95 % interval, the error at `target` with its prediction interval."""
    x, y, at = np.log(steps), np.log(errors), np.log(target)
    line, freedom = stats.linregress(x, y), len(x) - 2
    residual = np.sqrt(((y - line.intercept - line.slope * x) ** 2).sum() / freedom)
    center, b = line.intercept + line.slope * at, -line.slope
    both = stats.t.ppf(0.975, freedom) * np.array([-1, 1])
    around = residual * np.sqrt(1 + 1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    return {"exponent": b, "exponent_interval": (b + both * line.stderr).tolist(),
            "predicted": np.exp(center), "interval": np.exp(center + both * around).tolist()}


@section
def trend(published: Published) -> str:
    """The fits, beside the paper's error of the same pair (its protocol is another)."""
    lines = []
    for fit in published.read("report/trend.json")["fits"]:
        if "predicted" not in fit:
            continue
        printed, (low, high) = published.printed(RUNS[fit["run"]], "algorithm2"), fit["exponent_interval"]
        theirs = 1 - printed["SSIM"] if fit["metric"] == "1 - SSIM" else printed[fit["metric"]]
        least, most = fit["interval"]
        lines.append({
            "run": fit["run"], "error": fit["metric"], "rows": f"{fit['window']}, {fit['kept']}",
            "b (95 %)": f"{fit['exponent']:.3f} ({low:.3f} to {high:.3f})",
            "at the last of these (step)": f"{fit['last']:.4g} ({fit['last_step']:,.0f})",
            "at 700,000 steps (95 %)": f"{fit['predicted']:.3g} ({least:.3g} to {most:.3g})",
            "the paper, sampled": f"{theirs:.4g}"})
    return table(lines)

"""Would "another 500,000 steps" bridge the course report's gaps? Power laws fitted to its rows.

Error = a * steps^-b, a straight line through the logarithms, by least squares; its 95 % prediction interval
at 700,000 steps. The errors are RMSE on [0, 1], 1 - SSIM and FID. Resumes are left out: rows of a step that
had been scored before, and where such a row shows that the resume set SSIM back, all rows until it is back
where it was. Two windows, all rows and the second half, because the interval knows the scatter about a
power law, but not whether the curve is one.
"""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from studies.published import Published
from studies.study import Fields, Study, each
from studies.tables import section, table

RUNS = {"mnist": ("deblur-mnist", "deblurring MNIST (T = 40)"),
        "cifar10": ("deblur-cifar10", "deblurring CIFAR-10 (T = 100)"),
        "super_mnist": ("superres-mnist", "super-resolution MNIST"),
        "super_cifar10": ("superres-cifar10", "super-resolution CIFAR-10 (to 5x5)")}
TARGET = 700_000
ERRORS: dict[str, Callable[[dict[str, float]], float]] = {
    "RMSE": lambda row: row["rmse"] / 2, "1 - SSIM": lambda row: 1 - row["ssim"],
    "FID": lambda row: row["fid"]}
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
        rows = scored(Published(self.results), run)
        kept, error = without_resumes(rows), ERRORS[metric]
        inside = [row for row in kept if row["step"] >= WINDOWS[window]]
        fit = {"run": run, "metric": metric, "window": window, "rows": len(rows), "kept": len(inside),
               "last_step": kept[-1]["step"], "last": digits(error(kept[-1]))}
        if len(inside) > 5:
            steps, errors = np.array([(row["step"], error(row)) for row in inside]).T
            fit |= power_law(steps, errors, TARGET)
        yield fit


def scored(published: Published, run: str) -> list[dict[str, float]]:
    return [{key: float(value) for key, value in row.items()} for row in published.csv(f"report/{run}")]


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


def power_law(steps: np.ndarray, errors: np.ndarray, target: float) -> dict[str, Any]:
    """error = a * steps^-b: b with its 95 % interval, the error at `target` with its prediction interval."""
    x, y, at = np.log(steps), np.log(errors), np.log(target)
    line, freedom = stats.linregress(x, y), len(x) - 2
    residual = np.sqrt(((y - line.intercept - line.slope * x) ** 2).sum() / freedom)
    t = stats.t.ppf(0.975, freedom)
    center, b = line.intercept + line.slope * at, -line.slope
    half = t * residual * np.sqrt(1 + 1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    return {"exponent": digits(b),
            "exponent_interval": [digits(b - t * line.stderr), digits(b + t * line.stderr)],
            "predicted": digits(np.exp(center)),
            "interval": [digits(np.exp(center - half)), digits(np.exp(center + half))]}


def digits(value: float) -> float:
    return float(f"{value:.5g}")



@section
def trend(published: Published) -> str:
    lines = []
    for fit in published.read("report/trend.json")["fits"]:
        if "predicted" not in fit:
            continue
        (low, high), (least, most) = fit["interval"], fit["exponent_interval"]
        lines.append((fit["run"], fit["metric"], f"{fit['window']}, {fit['kept']}",
                      f"{fit['exponent']:.3f} ({least:.3f} to {most:.3f})",
                      f"{fit['last']:.4g} ({fit['last_step']:,.0f})",
                      f"{fit['predicted']:.3g} ({low:.3g} to {high:.3g})",
                      f"{printed_error(published, fit['run'], fit['metric']):.4g}"))
    return table("run | error | rows | b (95 %) | at the last of these (step) | at 700,000 steps (95 %) | "
                 "the paper, sampled", lines)


def printed_error(published: Published, run: str, metric: str) -> float:
    """The paper's error of a run's pair (its protocol is another)."""
    printed = published.paper["pairs"][RUNS[run][0]]["sampled"]
    return 1 - printed["SSIM"] if metric == "1 - SSIM" else printed[metric]

"""Does "extrapolating the trend for another 500,000 steps" bridge the course report's gaps? Power laws fitted to its own rows.

    python tools/report_trend.py       # results/report/*.csv -> results/report/trend.json

Error = a * steps^-b, a straight line through the logarithms, by least squares; its 95 % prediction interval at 700,000 steps. The
errors are RMSE on [0, 1], 1 - SSIM and FID. Resumes are left out: rows of a step that had been scored before, and where such a row
shows that the resume set SSIM back, all rows until it is back where it was. Two windows, all rows and the second half, because the
interval knows the scatter about a power law, but not whether the curve is one.
"""
from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

REPORT = Path(__file__).resolve().parent.parent / "results" / "report"
TARGET, LAST = 700_000, 200_000
ERRORS = {"RMSE": lambda row: row["rmse"] / 2, "1 - SSIM": lambda row: 1 - row["ssim"], "FID": lambda row: row["fid"]}
WINDOWS = {"all": 0, "second half": LAST // 2}


def without_resumes(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Rows whose step is beyond all before them, and whose SSIM has made up what a resume before them set back."""
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
    """error = a * steps^-b: b with its 95 % interval, and the error at `target` with its 95 % prediction interval."""
    line = stats.linregress(np.log(steps), np.log(errors))
    x, freedom = np.log(steps), len(steps) - 2
    spread = ((x - x.mean()) ** 2).sum()
    residual = math.sqrt(((np.log(errors) - line.intercept - line.slope * x) ** 2).sum() / freedom)
    t = float(stats.t.ppf(0.975, freedom))
    center = line.intercept + line.slope * math.log(target)
    half = t * residual * math.sqrt(1 + 1 / len(x) + (math.log(target) - x.mean()) ** 2 / spread)
    return {"exponent": digits(-line.slope), "exponent_interval": [digits(-line.slope - t * line.stderr), digits(-line.slope + t * line.stderr)],
            "predicted": digits(math.exp(center)), "interval": [digits(math.exp(center - half)), digits(math.exp(center + half))]}


def digits(value: float) -> float:
    return float(f"{value:.5g}")


def main() -> None:
    fits = []
    for name in ("mnist", "cifar10", "super_mnist", "super_cifar10"):
        with open(REPORT / f"{name}.csv") as file:
            rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        kept = without_resumes(rows)
        for metric, error in ERRORS.items():
            for window, first in WINDOWS.items():
                inside = [row for row in kept if row["step"] >= first]
                fit: dict[str, Any] = {"run": name, "metric": metric, "window": window, "rows": len(rows), "kept": len(inside),
                                       "last_step": kept[-1]["step"], "last": digits(error(kept[-1]))}
                if len(inside) > 5:
                    fit |= power_law(np.array([row["step"] for row in inside]), np.array([error(row) for row in inside]), TARGET)
                fits.append(fit)
    (REPORT / "trend.json").write_text(json.dumps({"target": TARGET, "fits": fits}, indent=1) + "\n")


if __name__ == "__main__":
    main()

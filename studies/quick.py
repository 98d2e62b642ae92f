"""Publish what `make run` measured: copies its scores and its picture from runs/ into results/."""
from __future__ import annotations

import shutil
from dataclasses import dataclass

from studies.published import METHODS, Published
from studies.study import Study
from studies.tables import FROM, number, section, table

TASKS = ("superres", "inpaint", "deblur")


@dataclass
class Quick(Study):
    def run(self) -> None:
        for task in TASKS:
            target = self.results / f"quick-{task}-mnist5k"
            target.mkdir(parents=True, exist_ok=True)
            for name in ("metrics.json", "curve.csv"):
                shutil.copy(self.runs / target.name / name, target)
        shutil.copy(self.runs / "restored.png", self.results / "quick.png")


@section
def quick(published: Published) -> str:
    rows = []
    for row in published.quick:
        shown = [number(row, key, digits).removesuffix(f" ({row.images})")
                 for key, digits in (("rmse", 3), ("ssim", 3), ("gain", 2))]
        rows.append((f"{row.pair}, {row.key[0]}", METHODS[row.key[1]], FROM[row.key[2]], *shown,
                     f"{row.cell['data']} {row.cell['split']}, {row.cell['n']:,}"))
    return table("pair | method | from | RMSE | SSIM | gain | images", rows)

"""Publish what `make run` measured: copies its scores and its picture from runs/ into results/."""
from __future__ import annotations

import shutil
from dataclasses import dataclass

from colddiff_nb.evaluation import table as table_of
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


def first_table(published: Published) -> str:
    """The first screen's table: a row for each task and method."""
    frame = table_of([published.folder / f"quick-{task}-mnist5k" for task in TASKS])
    return table("task | method | RMSE | SSIM | still read as their digit", (
        (f"{row.task}, {row.variant}", METHODS[row.method], f"{row.RMSE:.3f}", f"{row.SSIM:.3f}",
         f"{row.class_accuracy:.0%}")
        for row in frame.itertuples()))


@section
def quick(published: Published) -> str:
    rows = []
    for row in published.quick:
        shown = [number(row, key, digits).removesuffix(f" ({row.images})")
                 for key, digits in (("rmse", 3), ("ssim", 3), ("gain", 2))]
        rows.append((f"{row.pair}, {row.key[0]}", METHODS[row.key[1]], FROM[row.key[2]], *shown,
                     f"{row.cell['data']} {row.cell['split']}, {row.cell['n']:,}"))
    return table("pair | method | from | RMSE | SSIM | gain | images", rows)

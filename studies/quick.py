"""Publish what `make run` measured: copies its scores and its picture from runs/ into results/."""
import shutil
from dataclasses import dataclass

from studies.published import METHODS, Published, Row
from studies.study import Study
from studies.tables import FROM, number, section, table

FOLDERS = ("quick-deblur-mnist5k", "quick-inpaint-mnist5k", "quick-superres-mnist5k")


@dataclass
class Quick(Study):
    def run(self) -> None:
        for name in FOLDERS:
            (self.results / name).mkdir(parents=True, exist_ok=True)
            for file in ("metrics.json", "curve.csv"):
                shutil.copy(self.runs / name / file, self.results / name)
        shutil.copy(self.runs / "restored.png", self.results / "quick.png")


@section
def quick(published: Published) -> str:
    lines = []
    for name in FOLDERS:
        for cell in published.cells(f"{name}/metrics.json"):
            row = Row(name.removeprefix("quick-"), name, cell)
            shown = (number(row, key, digits).removesuffix(f" ({row.images})")
                     for key, digits in (("rmse", 3), ("ssim", 3), ("gain", 2)))
            lines.append((f"{row.pair}, {row.key[0]}", METHODS[row.key[1]], FROM[row.key[2]], *shown,
                          f"{cell['data']} {row.images}"))
    return table("pair | method | from | RMSE | SSIM | gain | images", lines)

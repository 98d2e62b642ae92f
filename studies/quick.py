"""Publish what `make run` measured: copies its scores and its picture from runs/ into results/."""
import shutil
from dataclasses import dataclass

from studies.published import METHODS, Published, Row
from studies.study import Study
from studies.tables import FROM, number, section, table

PAIRS = ("deblur-mnist5k", "inpaint-mnist5k", "superres-mnist5k")


@dataclass
class Quick(Study):
    def run(self) -> None:
        for pair in PAIRS:
            folder = self.results / f"quick-{pair}"
            folder.mkdir(parents=True, exist_ok=True)
            for file in ("metrics.json", "curve.csv"):
                shutil.copy(self.runs / folder.name / file, folder)
        shutil.copy(self.runs / "restored.png", self.results / "quick.png")


@section
def quick(published: Published) -> str:
    rows = [Row(pair, "", cell) for pair in PAIRS
            for cell in published.cells(f"quick-{pair}/metrics.json")]
    return table("pair | method | from | RMSE | SSIM | gain | images", [
        (f"{row.pair}, {row.key[0]}", METHODS[row.key[1]], FROM[row.key[2]],
         *(number(row, key, digits).removesuffix(f" ({row.images})")
           for key, digits in (("rmse", 3), ("ssim", 3), ("gain", 2))), f"{row.cell['data']} {row.images}")
        for row in rows])

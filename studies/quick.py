"""Publish what `make run` measured: copies its scores and its picture from runs/ into results/."""
import shutil
from dataclasses import dataclass

from studies.published import METHODS, Published
from studies.study import Study
from studies.tables import FROM, section, table

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
    rows = [row for pair in PAIRS for row in published.find(folder=f"quick-{pair}")]
    return table({
        "pair": f"{row['pair']}, {row['variant']}", "method": METHODS[row["method"]],
        "from": FROM[row["measurement_precision"]], "RMSE": f"{row['rmse']:.3f}",
        "SSIM": f"{row['ssim']:.3f}", "gain": f"{row['gain']:.2f}",
        "images": f"{row['data']} {row['images']}"} for row in rows)

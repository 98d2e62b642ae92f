"""What T changes: Algorithm 2 with few and many calls, from every quarter of T. Ten minutes.

The shipped weights and the same validation images in all rows. Calls are spread at equal ratios from start
to 1.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from colddiff_nb import algorithm2, load, make
from studies.published import PAIRS, Published, half
from studies.samplers import fewer
from studies.study import DATASETS, Fields, Study, each
from studies.tables import by_pair, section, table

CALLS = (1, 2, 3, 5, 10, 20)


@dataclass
class Steps(Study):
    n: int = 500  # validation images, spread over the split

    file = "steps.json"

    def header(self) -> Fields:
        return {"split": "validation", "n": self.n}

    def cases(self) -> list[Fields]:
        return each(task=("deblur", "inpaint"), dataset=DATASETS)  # pixelation has three severities

    def measure(self, task: str, dataset: str) -> Iterator[Fields]:
        validation, T = load(dataset, "validation", self.data), make(task, dataset).T
        for start in (T * quarter // 4 for quarter in (4, 3, 2, 1)):
            paths = [fewer(start, calls) for calls in (CALLS if start == T else CALLS[:1])]
            paths += [list(range(start, 0, -1))]
            methods = {str(visited): partial(algorithm2, T=visited) for visited in paths}
            cells = self.score(f"{task}-{dataset}", validation, T=start, n=self.n, methods=methods)
            for visited, cell in zip(paths, cells):
                yield {"start": start, "T": T, "visited": visited, "weights": cell["provenance"]["weights"],
                       **{key: cell[key] for key in ("rmse", "rmse_interval", "ssim", "frechet")}}


@section
def steps(published: Published) -> str:
    record = published.read("steps.json")
    tables: dict[str, list[Fields]] = {title: [] for title in PAIRS.values()}
    for row in record["rows"]:
        start, calls, visited = row["start"], len(row["visited"]), ", ".join(map(str, row["visited"]))
        tables[PAIRS[f"{row['task']}-{row['dataset']}"]].append({
            "from severity": start,
            "calls": {1: "1 (direct)", start: f"{start} (all)"}.get(calls, f"{calls}: {visited}"),
            "RMSE": f"{row['rmse']:.4f} ± {half(row, 'rmse'):.4f}", "SSIM": f"{row['ssim']:.4f}",
            "Frechet": f"{row['frechet']:.1f}"})
    return (f"{record['n']} {record['split']} images, float32; ± is half of a bootstrap 95 % interval over "
            "images.\n\n" + by_pair({title: table(rows) for title, rows in tables.items() if rows}))

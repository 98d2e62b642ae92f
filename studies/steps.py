"""What T changes: Algorithm 2 with few and many calls, from every quarter of T. Ten minutes.

The shipped weights and the same validation images in all rows. Calls are spread at equal ratios from start
to 1.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from colddiff_nb import algorithm2, load_pretrained, rmse, ssim
from colddiff_nb.metrics import bootstrap, frechet_distance, squared_errors
from colddiff_nb.weights import shipped_classifier
from studies.published import PAIRS, Published
from studies.samplers import fewer
from studies.study import DATASETS, Fields, Study, each, fixed
from studies.tables import by_pair, filled, section

CALLS = (1, 2, 3, 5, 10, 20)
COLUMNS = {"from severity": "{start}", "calls": "{calls}", "RMSE": "{rmse:.4f} ± {half:.4f}",
           "SSIM": "{ssim:.4f}", "Frechet": "{frechet:.1f}"}


@dataclass
class Steps(Study):
    n: int = 500  # validation images, spread over the split

    file = "steps.json"

    def header(self) -> Fields:
        return {"split": "validation", "n": self.n}

    def cases(self) -> list[Fields]:
        return each(task=("deblur", "inpaint"), dataset=DATASETS)  # pixelation has three severities

    def measure(self, task: str, dataset: str) -> Iterator[Fields]:
        restore, degrade, metadata = load_pretrained(task, dataset)
        classifier, x0 = shipped_classifier(dataset), self.spread(dataset, "validation", self.n)
        drawn, features = fixed(degrade, self.n), classifier.features(x0)
        parts = [slice(i, i + 100) for i in range(0, self.n, 100)]
        for start in (degrade.T * quarter // 4 for quarter in (4, 3, 2, 1)):
            few = [fewer(start, calls) for calls in (CALLS if start == degrade.T else CALLS[:1])]
            for visited in [*few, list(range(start, 0, -1))]:
                restored = torch.cat([algorithm2(restore, drawn[part], drawn[part](x0[part], start), visited)
                                      for part in parts]).clamp(-1, 1)
                low, high = bootstrap(squared_errors(restored, x0))
                yield {"start": start, "T": degrade.T, "visited": visited, "weights": metadata["checksum"],
                       "rmse": rmse(restored, x0), "rmse_interval": [low ** 0.5, high ** 0.5],
                       "ssim": ssim(restored, x0),
                       "frechet": frechet_distance(features, classifier.features(restored))}


@section
def steps(published: Published) -> str:
    record = published.read("steps.json")
    tables: dict[str, list[Fields]] = {title: [] for title in PAIRS.values()}
    for row in record["rows"]:
        start, calls, (low, high) = row["start"], len(row["visited"]), row["rmse_interval"]
        visited = f"{calls}: {', '.join(map(str, row['visited']))}"
        told = {1: "1 (direct)", start: f"{start} (all)"}.get(calls, visited)
        tables[PAIRS[f"{row['task']}-{row['dataset']}"]].append(
            row | {"calls": told, "half": (high - low) / 2})
    return (f"{record['n']} {record['split']} images, float32; ± is half of a bootstrap 95 % interval over "
            "images.\n\n" + by_pair({title: filled(COLUMNS, rows) for title, rows in tables.items() if rows}))

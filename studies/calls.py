"""Which few calls of Algorithm 2 look most real? The models of digits made for realism, on validation images.

Eight minutes a row of one CPU core, nearly all of it Inception's.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from colddiff_nb import algorithm2, load
from studies.published import METRICS, PAIRS, REALISM, Published
from studies.study import Fields, Study
from studies.tables import section, table

VISITED = {"deblur-mnist-realism": ([20, 5], [20, 10], [*range(20, 0, -1)]),
           "superres-mnist-realism": ([3, 1], [3, 2], [3, 2, 1])}  # severities that the network is asked at
SCORES = ("fid", "frechet", "rmse", "ssim")


@dataclass
class Calls(Study):
    n: int = 2_000  # validation images, spread over the split

    file = "calls.json"

    def header(self) -> Fields:
        return {"split": "validation", "n": self.n, "inception": "float32"}

    def cases(self) -> list[Fields]:
        return [{"model": model, "visited": visited} for model, paths in VISITED.items() for visited in paths]

    def measure(self, model: str, visited: list[int]) -> Iterator[Fields]:
        images = load(model.split("-")[1], "validation", self.data)
        cell, = self.score(model, images, fid="float32", n=self.n,
                           methods={"few calls": partial(algorithm2, T=visited)})
        yield {"weights": cell["provenance"]["weights"]} | {score: cell[score] for score in SCORES}


def shown(row: Fields) -> Fields:
    """The scores of a row by their names, as a table shows them."""
    return {METRICS[score][0]: f"{row[score]:.{METRICS[score][1]}f}" for score in SCORES}


@section
def calls(published: Published) -> str:
    record = published.read("calls.json")
    return f"{record['n']:,} {record['split']} images, from float32:\n\n" + table([
        {"pair": PAIRS[row["model"].removesuffix(REALISM)], "asked at": severities(row["visited"])}
        | shown(row) for row in record["rows"]])


def severities(visited: list[int]) -> str:
    every = visited == [*range(visited[0], 0, -1)]
    return f"all {visited[0]}" if every else ", ".join(map(str, visited))

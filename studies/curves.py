"""Scores over one training, at log-spaced steps. An hour of one CPU core for super-resolution of MNIST.

The training stops at each step, its EMA network is scored on the same validation images, and it goes on.
"""
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from colddiff_nb import load, recipe, train
from colddiff_nb.training import Recipe
from studies.plot import panels
from studies.published import BOTH, METHODS, METRICS, PAIRS, Fields, Published
from studies.study import Study, each, in_one_row
from studies.tables import by_pair, section, table

POINTS = 8  # each at twice the steps of the one before
SCORED = ("rmse", "ssim", "frechet", "fid")
TITLES = {"frechet": "Frechet distance, small classifier"}
LINES = {"direct": ("#1a1a1a", ":"), "algorithm2": ("#0072b2", "-")}


@dataclass
class Curves(Study):
    task: Literal["deblur", "superres", "inpaint"] = "superres"
    dataset: Literal["mnist", "cifar10"] = "mnist"
    made_for: Literal["float32", "8bit", "both"] = "both"
    steps: int = 12_000
    rollout: float = 0.25  # share of a batch that walks through Algorithm 2
    n: int = 500  # validation images scored
    fid: bool = False  # FID too, biased upward by so few images

    file = "curves/{task}-{dataset}.json"

    def header(self) -> Fields:
        choice = self.recipe()
        return {"task": self.task, "T": choice.degradation().T, "n": self.n, "made_for": self.made_for,
                "data": load(self.dataset, "validation", self.data).provenance, "recipe": asdict(choice)}

    def cases(self) -> list[Fields]:
        return each(step=[self.steps // 2 ** k for k in reversed(range(POINTS))])

    def measure(self, step: int) -> Iterator[Fields]:
        choice, folder = self.recipe(), self.runs / "curves" / f"{self.task}-{self.dataset}"
        images, validation = (load(self.dataset, split, self.data) for split in ("train", "validation"))
        ema = train(choice, folder, images=images, until=step)
        model = ema, choice.degradation(), {"data": images.provenance, "checksum": f"step {step}"}
        cells = self.score(model, validation, folder / f"at-{step}", fid="float32" if self.fid else None,
                           methods=BOTH, n=self.n, measurement_precision=choice.scored_from)
        yield {"images": step * choice.batch} | in_one_row(cells, *SCORED)

    def recipe(self) -> Recipe:
        return recipe("small", self.task, self.dataset, steps=self.steps, measurement_precision=self.made_for,
                      rollout=self.rollout, evaluate_every=self.steps // POINTS)

    def finish(self, rows: list[Fields]) -> None:
        draw(rows).savefig(self.path().with_suffix(".png"), dpi=100)


def draw(rows: list[Fields]) -> Figure:
    """A panel for each metric, over the images seen."""
    frame = pd.DataFrame(rows)
    shown = [metric for metric in SCORED if f"{metric}_direct" in frame]
    figure, found = panels(len(shown), (3.6 * len(shown), 3.4))
    for axes, metric in zip(found, shown):
        for method, (colour, line) in LINES.items():
            axes.plot(frame["images"], frame[f"{metric}_{method}"], line, color=colour, marker="o",
                      label=METHODS[method])
        axes.set(xscale="log", yscale="log" if metric in ("frechet", "fid") else "linear",
                 xlabel="images seen", title=TITLES.get(metric, METRICS[metric][0]))
    axes.legend()
    return figure


@section
def curves(published: Published) -> str:
    parts = {}
    for pair, title in PAIRS.items():
        if not (published.folder / f"curves/{pair}.json").is_file():
            continue
        record = published.read(f"curves/{pair}.json")
        lines = [{"images seen": f"{row['images']:,}"} | {
            f"{METRICS[metric][0]}, {METHODS[method]}": f"{row[f'{metric}_{method}']:.{METRICS[metric][1]}f}"
            for metric in SCORED if f"{metric}_direct" in row for method in LINES} for row in record["rows"]]
        model = published.models[pair]
        since = model["images_seen"] - record["rows"][-1]["images"]
        wider = model["recipe"].widths != recipe("small", *pair.split("-")).widths
        further = (" The shipped model is a wider network, which no row shows." if wider else
                   f" The shipped model saw {since:,} images more, which no row shows." if since else "")
        parts[title] = (
            f"Made for {record['made_for']}, scored on {record['n']} validation images.{further}\n\n"
            f"{table(lines)}\n\n![{title}: scores of direct reconstruction and Algorithm 2 "
            f"against the images seen](curves/{pair}.png)")
    return by_pair(parts)

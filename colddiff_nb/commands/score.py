"""`evaluate` scores weights on a split, and `table` shows what was scored."""
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from colddiff_nb.commands.common import Shared, what_is_next, with_options
from colddiff_nb.data import load
from colddiff_nb.degradations import TASKS
from colddiff_nb.metrics import Inception
from colddiff_nb.metrics.evaluation import Judges, degraded_rows, evaluate
from colddiff_nb.metrics.records import markdown, plain, table
from colddiff_nb.storage import runtime
from colddiff_nb.weights.pretrained import SHIPPED, load_model, weights_file

Method = Literal["degraded", "direct", "algorithm1", "algorithm2"]


@dataclass
class Evaluate(Shared):
    """Score weights on a split, and record it in metrics.json beside them, or in runs/shipped-NAME."""

    weights: Annotated[Path, tyro.conf.Positional]
    """A weights.safetensors file, or the name of a shipped model, such as superres-mnist."""
    dataset: str | None = None
    """By default the set it was trained on."""
    split: Literal["test", "validation"] = "test"
    measurement_precision: Literal["float32", "8bit"] = "float32"
    T: int | None = None
    """Start from a lower severity than the network was trained for: deblur, superres and inpaint."""
    size: int | None = None
    """By default that of the weights. Only networks for masks take another; masks stay as wide."""
    methods: Annotated[tuple[Method, ...], tyro.conf.arg(aliases=["--method"])] = get_args(Method)
    """What is scored: the degraded images, and ways to restore them."""
    n: int | None = None
    """Score that many images, spread evenly over the split."""
    fid: bool = False
    """Compute FID too: downloads the 2015 Inception weights (91 MB), minutes per set on a GPU."""
    batch: int = 100

    def __call__(self) -> None:
        import pandas  # noqa: F401  (the table needs it: better missed now than after the scoring)

        network, degrade, metadata = load_model(self.weights)
        if self.T is not None and (degrade.task not in TASKS or not 1 <= self.T <= degrade.T):
            raise ValueError(f"T = {self.T}: give 1..{degrade.T}, and only for {', '.join(TASKS)}")
        degrade = with_options(degrade, T=self.T, size=self.size)
        images = load(self.dataset or metadata["recipe"]["dataset"], self.split, self.data, degrade.size)
        folder, here = self.weights.parent, runtime.device()
        if weights_file(self.weights).resolve().parent == SHIPPED:  # which is part of the package
            folder = Path("runs", f"shipped-{self.weights.stem}")
        print(f"{self.weights}: {degrade.task} on {images.name} {images.split}, scores in {folder}")
        inception = Inception(device=here) if self.fid else None
        scored = evaluate((network.to(here), degrade.to(here), metadata), images, folder,
                          methods=self.methods, n=self.n, batch=self.batch,
                          judges=Judges(inception=inception),
                          measurement_precision=self.measurement_precision)
        print(f"\n{plain(table(scored))}\n\nwrote {folder / 'metrics.json'}")
        print(what_is_next("restore", weights=self.weights, dataset=self.dataset, data=self.data,
                           plugin=self.plugin))


@dataclass
class Table(Shared):
    """Print the scores in run folders, or the rows of the paper's tables that need no network."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    degraded: bool = False
    """Degraded test images of mnist and cifar10, scored anew."""
    markdown: bool = False
    """Print one Markdown table, to paste into a page."""

    def __call__(self) -> None:
        if bool(self.folders) == self.degraded:
            raise ValueError("name run folders that hold a metrics.json, or choose --degraded")
        scored = [folder for folder in self.folders if (folder / "metrics.json").exists()] or self.folders
        if left_out := [str(folder) for folder in self.folders if folder not in scored]:
            print(f"without scores: {', '.join(left_out)}\n", file=sys.stderr)
        frame = degraded_rows(self.data) if self.degraded else table(*scored)
        print(markdown(frame) if self.markdown else plain(frame))

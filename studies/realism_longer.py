"""Train a shipped model further, for RMSE or for realism, and score it at points a doubling apart.

The end scores the whole test split, FID included. What was found is in RUNS/longer/NAME.json, the weights
beside.
"""
from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from colddiff_nb import metrics
from colddiff_nb.data import load
from colddiff_nb.metrics.evaluation import Judges
from colddiff_nb.storage import runtime
from colddiff_nb.training import recipe, train
from colddiff_nb.weights import shipped_classifier
from colddiff_nb.weights.pretrained import SHIPPED
from studies.realism import curve, device_name, scorer, steps_in
from studies.study import Study, score, write

POINTS = (1, 2, 4, 8, 16, 32, 48, 64)  # 64ths of the training that are scored


@dataclass
class RealismLonger(Study):
    task: str = "superres"
    dataset: str = "mnist"
    seconds: float = 200  # of training
    n: int = 2_000  # validation images scored
    measurement_precision: str = "float32"  # of the validation images
    realism: float = 0.0
    batch: int = 256
    rate: float = 1e-3  # of learning
    widths: tuple[int, int, int] | None = None  # by default, go on from the shipped weights

    def run(self) -> None:
        pair, runs = f"{self.task}-{self.dataset}", self.runs / "longer"
        name = f"{pair}, realism {self.realism:g}, widths {self.widths or 'as shipped'}"
        shipped = None if self.widths else SHIPPED / f"{pair}.safetensors"
        options: dict[str, Any] = {"measurement_precision": "both"} if self.task != "deblur" else {}
        if self.widths:
            options["widths"] = self.widths
        choice = recipe("small", self.task, self.dataset, realism=self.realism, batch=self.batch,
                        learning_rate=self.rate,
                        **options)
        run = partial(train, images=load(self.dataset, "train", self.data), init=shipped)
        choice = replace(choice, steps=steps_in(self.seconds, choice, run, runs / f"{name}, probe"))
        part = choice.steps // 64
        choice = replace(choice, evaluate_every=part, save_every=choice.steps)
        scored = scorer(choice, load(self.dataset, "validation", self.data), runs, self.n,
                       self.measurement_precision)

        def on_evaluate(step: int, network: nn.Module) -> dict[str, float]:
            return scored(step, network) if step // part in POINTS else {}
        began = time.monotonic()
        run(choice, runs / name, on_evaluate=on_evaluate)
        changes = {option: value
                   for option, value in asdict(self).items()
                   if option not in ("data", "runs", "results", "again")}
        write(runs / f"{name}.json", {
            "task": self.task, "dataset": self.dataset, "measurement_precision": self.measurement_precision,
            "n": self.n, "changes": changes,
            "images_seen": choice.images_seen, "seconds": round(time.monotonic() - began, 1),
            "device": device_name(),
            "curve": curve(runs / name)})
        score_test(runs / name, self.task, self.dataset, self.data)


def score_test(folder: Path, task: str, dataset: str, root: Path) -> None:
    """Every method of the paper on the whole test split, into the folder's metrics.json."""
    device, test = runtime.device(), load(dataset, "test", root)
    inception: Any = metrics.Inception(
        device=device, dtype=torch.float32 if device.type == "cuda" else torch.bfloat16)
    for T in (20, 40) if (task, dataset) == ("deblur", "mnist") else (None,):
        for precision in ("float32",) if task == "deblur" else ("8bit", "float32"):
            score(folder / "weights.safetensors", test, folder, T, methods=("direct", "algorithm2"),
                  measurement_precision=precision, batch=500,
                  judges=Judges(shipped_classifier(dataset).to(device), inception))

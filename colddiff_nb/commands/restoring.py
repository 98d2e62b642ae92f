"""Images degraded and brought back by shipped weights or the reader's own, with every state on the way."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from colddiff_nb.commands.common import changed, check_severity
from colddiff_nb.degradations.contract import DrawnDegradation
from colddiff_nb.degradations.tasks import measure
from colddiff_nb.metrics import rmse
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.storage.runtime import true_float32
from colddiff_nb.weights.pretrained import Model, load_model, load_pretrained

BEST = {1: "superres", 3: "deblur"}  # the task that shows most, by the channels of images


@dataclass(frozen=True)
class Asked:
    """What a reader asks for: None leaves the choice to the weights."""

    task: str | None = None
    weights: Path | None = None  # a file of the reader's own
    severity: int | None = None
    mask_centre: tuple[int, int] | None = None
    size: int | None = None
    precision: str | None = None  # of x_T
    methods: Sequence[str] = tuple(SAMPLERS)
    seed: int = 0
    measured: bool = False  # images are x_T already


@dataclass(frozen=True)
class Restored:
    """Images (n, C, size, size) with x_T, and the states x_T, ..., x_0 of each method."""

    images: Tensor
    x_T: Tensor
    ways: dict[str, list[Tensor]]
    drawn: DrawnDegradation
    severity: int
    precision: str  # of x_T
    measured: bool

    def scores(self) -> dict[str, float]:
        """Return each way's RMSE: against the originals, or of what D makes of it against the measurement."""
        if self.measured:
            again = {way: self.drawn(x[-1].clamp(-1, 1), self.severity) for way, x in self.ways.items()}
            return {way: rmse(x, self.x_T) for way, x in again.items()}
        ends = {"degraded": self.x_T} | {way: x[-1] for way, x in self.ways.items()}
        return {way: rmse(x, self.images) for way, x in ends.items()}


@cache
def model_for(asked: Asked, channels: int) -> Model:
    """Load the weights for images of that many channels, with D as it was asked for.

    Raises:
        ValueError: they restore another task, no such severity, or no mask; and as `load_model` does.
    """
    if asked.weights:
        network, degrade, metadata = load_model(asked.weights)
    else:
        task, dataset = asked.task or BEST[channels], "mnist" if channels == 1 else "cifar10"
        network, degrade, metadata = load_pretrained(task, dataset, asked.precision or "float32")
    task = degrade.task
    if asked.task not in (None, task):
        raise ValueError(f"{asked.weights} restores {task}: leave out --task {asked.task}")
    if asked.mask_centre and task != "inpaint":
        raise ValueError(f"--mask-centre is for --task inpaint, not for {task}: leave it out")
    check_severity("severity", asked.severity, degrade.T)
    options = {"center": asked.mask_centre} if asked.mask_centre else {}
    degrade = changed(degrade, network, size=asked.size, **options)
    if asked.measured and degrade.random and set(asked.methods) != {"direct"}:
        where = "say where the mask is, --mask-centre ROW COL, or " * (task == "inpaint")
        raise ValueError(f"{task} is random, and the algorithms must repeat it: {where}use --method direct")
    return network, degrade, metadata


def restore(asked: Asked, model: Model, images: Tensor) -> Restored:
    """Degrade images (n, C, size, size), unless they were measured, and restore them in each way."""
    network, degrade, metadata = model
    T = asked.severity or degrade.T
    drawn = degrade.draw(len(images), torch.Generator().manual_seed(asked.seed))
    own = "8bit" if metadata["recipe"]["measurement_precision"] == "8bit" else "float32"
    precision = asked.precision or own
    with true_float32():
        x_T = images if asked.measured else measure(drawn(images, T), precision)
        ways = {way: SAMPLERS[way](network, drawn, x_T, T, trajectory=True).x for way in asked.methods}
    return Restored(images, x_T, ways, drawn, T, precision, asked.measured)

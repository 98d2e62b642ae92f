"""Scores while training goes on, of direct and Algorithm 2 on fixed images, and who else is told of them."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from colddiff_nb import metrics
from colddiff_nb.data.loading import load
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.degradations.tasks import measure
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.run import OnEvaluate

if TYPE_CHECKING:
    from accelerate import Accelerator


def validation_scores(recipe: Recipe, data_root: str | Path = "data", n: int = 100) -> OnEvaluate:
    """Return on_evaluate for `training.train`: RMSE and SSIM of up to n validation images."""
    @cache
    def validation() -> tuple[Tensor, Degradation]:
        images = load(recipe.dataset, "validation", data_root, recipe.size)
        return to_float(images.pixels[:n]), recipe.degradation()

    def on_evaluate(step: int, network: nn.Module) -> dict[str, float]:
        x0, degrade = validation()  # (up to n, C, size, size)
        device = next(network.parameters()).device
        drawn = degrade.to(device).draw(len(x0), torch.Generator().manual_seed(0))
        x_T = measure(drawn(x0.to(device), drawn.T), recipe.scored_from)
        scores: dict[str, float] = {}
        for sampler in (direct, algorithm2):
            restored = sampler(network, drawn, x_T).cpu()
            scores[f"rmse_{sampler.__name__}"] = metrics.rmse(restored, x0)
            scores[f"ssim_{sampler.__name__}"] = metrics.ssim(restored, x0)
        return scores

    return on_evaluate


def check_tracker(name: str | None) -> None:
    """Raise ValueError for a tracker that Accelerate does not know or that is not installed."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    if name is not None and name not in LOGGER_TYPE_TO_CLASS:
        raise ValueError(f"unknown tracker {name!r}: choose one of {', '.join(LOGGER_TYPE_TO_CLASS)}")
    if name is not None and name not in [str(kind) for kind in get_available_trackers()]:
        raise ValueError(f"tracker = {name!r} is not installed: pip install {name.replace('_', '-')}")


@contextmanager
def tracking(accelerator: Accelerator, run: str, settings: dict[str, Any],
             log: Callable[[str], object]) -> Iterator[Callable[[dict[str, float]], None]]:
    """Give a function that sends a row {"step": ..., "loss": ...} to the accelerator's tracker, if any.

    run: its name there. settings: what is shown beside it. All rows are in curve.csv: if the tracker fails,
    that is named to `log`, and training goes on.
    """
    plain = {name: value if isinstance(value, bool | int | float) else str(value)
             for name, value in settings.items()}
    if accelerator.log_with:
        accelerator.init_trackers("colddiff", plain, {name: {"name": run} for name in ("wandb", "trackio")})

    def send(row: dict[str, float]) -> None:
        try:
            scores = {name: value for name, value in row.items() if name != "step"}
            accelerator.log(scores, step=int(row["step"]))
        except Exception as error:  # a tracker may fail in any way, mostly for the network's sake
            log(f"the tracker did not take step {row['step']:.0f}, training goes on: "
                f"{type(error).__name__}: {error}")

    try:
        yield send
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()

"""Scores while training goes on, of direct and Algorithm 2 on fixed images."""
from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from colddiff_nb import metrics
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import Degradation, measure
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.run import OnEvaluate


def validation_scores(recipe: Recipe, data_root: str | Path | None = None, n: int = 100) -> OnEvaluate:
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

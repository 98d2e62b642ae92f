"""Two choices of the study of realism: a network that draws, and pixelation in smaller steps.

The network sees noise beside x_t, and the energy score teaches it to draw from all images that x_t allows.
The score of two draws a and b is |x0 - a| / 2 + |x0 - b| / 2 - |a - b| / 2, with Euclidean norms of patches:
its expectation is least where draws are distributed as x0 is, given x_t (Gneiting and Raftery 2007).
"""
import copy
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.data import Images, to_float
from colddiff_nb.degradations import Degradation, register
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe
from colddiff_nb.training.loop import draw_batch, learning_rate, update_ema
from colddiff_nb.training.run import OnEvaluate


def drawing_network(recipe: Recipe, degrade: Degradation) -> Any:
    """The small U-Net with a noise image beside its input; each draw of noise is another restoration."""
    def beside_noise(layer: nn.Module, inputs: tuple, features: Tensor) -> Tensor:
        noise = torch.randn_like(features[:, :1])
        return torch.cat([features[:, :2], noise, features[:, 2:]], dim=1)  # the estimate stays last

    network: Any = recipe.build(degrade)
    network.stem = nn.Conv2d(16, network.top, 1)
    network.precondition.register_forward_hook(beside_noise)
    return network


def patches(images: Tensor, size: int = 8) -> Tensor:
    """(B, C, H, W) to (B, C size^2, patches), which overlap by half."""
    return F.unfold(images, size, stride=size // 2)


def energy_score(a: Tensor, b: Tensor, x0: Tensor) -> Tensor:
    """Of two draws for originals x0, all (B, C, H, W): the mean over images and patches."""
    def distance(p: Tensor, q: Tensor) -> Tensor:
        return (patches(p - q).square().sum(1) + 1e-8).sqrt().mean()
    return (distance(a, x0) + distance(b, x0) - distance(a, b)) / 2


def train_to_draw(recipe: Recipe, folder: Path, *, images: Images, on_evaluate: OnEvaluate) -> nn.Module:
    """Train by the energy score, and write <folder>/curve.csv; returns the averaged network."""
    device, rows = runtime.device(), []
    degrade = recipe.degradation().to(device)
    torch.manual_seed(recipe.seed)
    network = drawing_network(recipe, degrade).to(device)
    network.precondition.fit(degrade, to_float(images.pixels[:1_000].to(device)))
    ema, pixels = copy.deepcopy(network).eval(), images.pixels.to(device)
    optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate, fused=True)
    bfloat16 = runtime.mixed_precision(recipe.precision, recipe.network) == "bf16"
    with runtime.true_float32():
        for step in range(1, recipe.steps + 1):
            optimizer.param_groups[0]["lr"] = learning_rate(recipe, step - 1)
            batch = draw_batch(recipe, degrade, len(images), step).to(device)
            x0 = to_float(pixels[batch.index])
            x_t, t = batch.drawn(x0, batch.t), batch.t
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                a, b = network(torch.cat([x_t, x_t]), torch.cat([t, t]), torch.cat([t, t])).float().chunk(2)
            loss = energy_score(a, b, x0)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            optimizer.zero_grad()
            update_ema(recipe, ema, network, step)
            if step % recipe.evaluate_every == 0:
                rows.append({"step": step, "images": step * recipe.batch, "loss": loss.item(),
                             **on_evaluate(step, ema)})
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "curve.csv", index=False)
    return ema


class FinerPixels(Degradation):
    """Area pooling to 32 - 4 t pixels a side, not by halves; its last step is that of the paper's."""

    matrices: Tensor

    def __init__(self, size: int, options: dict[str, Any], T: int):
        super().__init__(size, options, T)
        impulses = torch.eye(size, dtype=torch.float64).view(1, size, size)  # channel i is an impulse at i
        pooled = [F.adaptive_avg_pool1d(impulses, size - t * size // (T + 1)) for t in range(T + 1)]
        matrices = torch.cat([F.interpolate(small, size=size, mode="nearest") for small in pooled])
        self.register_buffer("matrices", matrices.mT.contiguous(), persistent=False)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        A = self.matrices[t].unsqueeze(1)
        return (A @ x0.double() @ A.mT).to(x0.dtype)


register("finer-pixels", FinerPixels, T=7)

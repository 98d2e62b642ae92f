"""DDRM of deepinv beside cold diffusion: the same pixelated digits, the same budget, the same scores.

    python examples/deepinv_ddrm.py     # two trainings of about a minute; goes on where it was stopped

DDRM restores with a denoiser that knows no degradation and with the operator's singular values.
Cold diffusion restores with a network that was trained for this one degradation.
Both networks are the small one, trained on equally many images. Writes results/ddrm.json and ddrm.png.
"""
from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from deepinv.models import Denoiser
from deepinv.physics import GaussianNoise
from deepinv.sampling import DDRM
from torch import Tensor, nn

from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make
from colddiff_nb.interop.deepinv import ColdPhysics, ColdReconstructor
from colddiff_nb.metrics import rmse, ssim
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.training import recipe, train

BUDGET = {"steps": 600, "widths": (32, 48, 96), "severities": "uniform", "rollout": 0.0,
          "evaluate_every": 600, "save_every": 100}


class HotDenoiser(Denoiser):
    """Denoise images in [0, 1] with a network trained on hot diffusion, x_t = a_t x0 + b_t z in [-1, 1]."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network, self.noise = network, make("noise")

    def forward(self, x: Tensor, sigma: float | Tensor, **kwargs) -> Tensor:
        """Ask the network at the severity t whose noise, b_t / a_t, is nearest to that of 2 x - 1."""
        ratio = self.noise.noise_level / self.noise.signal_level.clamp(min=1e-9)
        t = int((ratio[1:] - 2 * float(sigma)).abs().argmin()) + 1
        severity = torch.full((len(x),), t)
        x_t = ((2 * x - 1) * self.noise.signal_level[t]).float()
        return (self.network(x_t, severity, severity) + 1) / 2


@torch.no_grad()
def compared(cold: nn.Module, hot: nn.Module, n: int) -> tuple[list[dict], dict[str, Tensor]]:
    """Restore n test digits from 4 x 4 means in each way: a row of scores for each, and the images."""
    x0 = to_float(load("mnist5k", "test").pixels[:n])
    degrade, x = make("superres"), (x0 + 1) / 2
    physics = ColdPhysics(degrade, degrade.T, noise_model=GaussianNoise(0.0))
    y = physics(x)
    degraded = degrade(x0, degrade.T)
    scores = {"rmse": rmse(degraded, x0), "ssim": ssim(degraded, x0)}
    rows, images = [{"method": "degraded", "network calls": 0, "n": n, **scores}], {"degraded": degraded}
    denoiser = HotDenoiser(hot.eval())
    models = {"direct": (ColdReconstructor(cold, sampler=direct), 1),
              "Algorithm 2": (ColdReconstructor(cold, sampler=algorithm2), degrade.T)}
    for steps in (20, 100):  # eta 1 scored best of 0, 0.5, 0.85 and 1 on validation images
        sigmas = torch.linspace(1, 0, steps).tolist()
        models[f"DDRM, {steps} steps"] = DDRM(denoiser, sigmas=sigmas, eta=1.0), steps
    for name, (model, calls) in models.items():
        torch.manual_seed(0)
        began = time.perf_counter()
        restored = 2 * model(y, physics).float() - 1
        rows.append({"method": name, "network calls": calls, "seconds": time.perf_counter() - began, "n": n,
                     "rmse": rmse(restored, x0), "ssim": ssim(restored, x0)})
        print(rows[-1], flush=True)
        images[name] = restored
    return rows, images | {"original": x0}


def main(runs: Path, result: Path, n: int, **changes) -> None:
    recipes = {task: recipe("quick", task, "mnist5k", **BUDGET | changes) for task in ("superres", "noise")}
    networks = [train(chosen, runs / f"ddrm-{task}") for task, chosen in recipes.items()]
    versions = {name: version(name) for name in ("deepinv", "torch")}
    rows, images = compared(*networks, n)
    content = {"recipes": {task: asdict(chosen) for task, chosen in recipes.items()}, "versions": versions,
               "load average": os.getloadavg()[0], "rows": rows}  # above 1: others used the machine meanwhile
    result.write_text(json.dumps(content, indent=1) + "\n")
    title = "Digits restored from their 4 x 4 means"
    grid({name: x[:6] for name, x in images.items()}, scale=2, title=title).save(result.with_suffix(".png"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--result", type=Path, default=Path("results/ddrm.json"))
    parser.add_argument("--n", type=int, default=500)
    main(**vars(parser.parse_args()))

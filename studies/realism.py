"""What makes restored digits sharp? Choices of training, equal seconds each, on super-resolved digits.

On a GPU five minutes, with --together 4. Every choice is trained in a process of its own and scored on the
same 2,000 validation digits, at four points of its training.
"""
from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colddiff_nb import metrics
from colddiff_nb.data import Images, load, to_float
from colddiff_nb.degradations import measure, register
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe, recipe, train
from colddiff_nb.training.run import OnEvaluate
from colddiff_nb.weights import shipped_classifier
from studies.realism_choices import FinerPixels, train_to_draw
from studies.study import Fields, Study, brief, write

register("finer-pixels", FinerPixels, T=7)
CHOICES: dict[str, dict[str, Any]] = {  # changes of the recipe; `digits`: how many are trained on
    "the recipe": {}, "twice as wide": {"widths": (96, 160, 320)},
    "four times as wide": {"widths": (192, 320, 640)},
    "no rollouts": {"rollout": 0.0}, "2,000 digits": {"digits": 2_000}, "10,000 digits": {"digits": 10_000},
    "a critic, weight 0.01": {"realism": 0.01}, "a critic, weight 0.03": {"realism": 0.03},
    "a critic, weight 0.1": {"realism": 0.1}, "a critic, weight 0.3": {"realism": 0.3},
    "a finer schedule": {"task": "finer-pixels"}, "energy score": {}}
BATCH = 256


@dataclass
class Realism(Study):
    seconds: float = 75  # of training, for each choice
    together: int = 1  # processes at once, which share the machine
    n: int = 2_000  # validation digits scored
    only: str = ""  # one choice, in this process

    file = "realism.json"

    def run(self) -> None:
        folder = self.runs / "realism"
        folder.mkdir(parents=True, exist_ok=True)
        if self.only:
            return write(folder / f"{self.only}.json", self.train_choice(self.only, folder))
        waiting = [name for name in CHOICES if not (folder / f"{name}.json").exists()]
        running: list[subprocess.Popen] = []
        while waiting or running:
            running = [process for process in running if process.poll() is None]
            if waiting and len(running) < self.together:
                running.append(self.start(waiting.pop(0), folder))
            time.sleep(0.2)
        rows = [json.loads(path.read_text())
                for name in CHOICES if (path := folder / f"{name}.json").exists()]
        write(self.path(), {
            "task": "superres", "dataset": "mnist", "split": "validation", "n": self.n,
            "device": device_name(),
            "torch": torch.__version__, "together": self.together, "rows": rows})
        for row in rows:
            print(brief({"choice": row["choice"], "images_seen": row["images_seen"]} | row["curve"][-1]),
                  flush=True)

    def start(self, name: str, folder: Path) -> subprocess.Popen:
        threads = max(1, (os.cpu_count() or 1) // self.together)  # with more they wait for each other
        with open(folder / f"{name}.log", "w") as log:
            return subprocess.Popen([sys.executable, "-m", "studies", *sys.argv[1:], "--only", name],
                                    env=os.environ | {"OMP_NUM_THREADS": str(threads)}, stdout=log,
                                    stderr=subprocess.STDOUT)

    def train_choice(self, name: str, folder: Path) -> Fields:
        changes = dict(CHOICES[name])
        digits, task = changes.pop("digits", None), changes.pop("task", "superres")
        images = load("mnist", "train", self.data)
        if digits:
            images = replace(images, pixels=images.pixels[:digits], labels=images.labels[:digits])
        choice = recipe("small", task, "mnist", batch=BATCH, learning_rate=2e-3, **changes)
        run = partial(train_to_draw if name == "energy score" else train, images=images)
        choice = replace(choice, steps=steps_in(self.seconds, choice, run, folder / f"{name}, probe"))
        choice = replace(choice, evaluate_every=choice.steps // 4, save_every=choice.steps)
        scores = scorer(choice, load("mnist", "validation", self.data), folder, self.n)
        began = time.monotonic()
        run(choice, folder / name, on_evaluate=scores)
        return {"choice": name, "changes": CHOICES[name], "images_seen": choice.images_seen,
                "steps": choice.steps,
                "batch": BATCH, "seconds": round(time.monotonic() - began, 1), "curve": curve(folder / name)}


def device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def scorer(choice: Recipe, images: Images, cache: Path, n: int, precision: str = "float32") -> OnEvaluate:
    """FID, Frechet distance, RMSE, SSIM and sharpness of n validation images, by both of the paper's ways."""
    device = runtime.device()
    inception = metrics.Inception(device=device,
                                  dtype=torch.float32 if device.type == "cuda" else torch.bfloat16)
    classifier = shipped_classifier(choice.dataset).to(device)
    x0 = to_float(images.pixels[images.spread(n)]).to(device)
    drawn = choice.degradation().to(device).draw(n, torch.Generator().manual_seed(0))
    drawn = replace(drawn, randomness=drawn.randomness.to(device))
    with torch.no_grad():
        x_T = measure(drawn(x0, drawn.T), precision)
        kept = cache / f"{choice.dataset}, {inception.name}, {n}"
        originals = {"frechet": classifier.features(x0),
                     "fid": metrics.features_of(inception, x0.split(250), kept)}

    @torch.no_grad()
    def scores(step: int, network: nn.Module) -> dict[str, float]:
        found: dict[str, float] = {}
        for sampler in (direct, algorithm2):
            with runtime.true_float32():
                parts = [sampler(network, drawn[first:first + 250], part)
                         for first, part in zip(range(0, n, 250), x_T.split(250))]
            restored = torch.cat(parts).clamp(-1, 1)
            features = {"frechet": classifier.features(restored),
                        "fid": metrics.features_of(inception, restored.split(250))}
            found |= {f"{name}_{sampler.__name__}": metrics.frechet_distance(originals[name], of_restored)
                      for name, of_restored in features.items()}
            found |= {f"rmse_{sampler.__name__}": metrics.rmse(restored, x0),
                      f"ssim_{sampler.__name__}": metrics.ssim(restored, x0),
                      f"sharpness_{sampler.__name__}": fine_power(restored) / fine_power(x0)}
        return found
    return scores


def fine_power(images: Tensor) -> float:
    """Power of images (B, C, size, size) in the upper half of the frequencies."""
    size = images.shape[-1]
    power = torch.fft.fft2(images.double()).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(size, 1 / size, device=images.device).abs()
    return power[torch.maximum(frequency.view(-1, 1), frequency) > size / 4].sum().item()


def steps_in(seconds: float, choice: Recipe, run: Callable[..., nn.Module], folder: Path) -> int:
    """How many steps a training takes in so many seconds, a multiple of 64, by trying a few."""
    times: list[float] = []

    def on_evaluate(step: int, network: nn.Module) -> dict[str, float]:
        times.append(time.monotonic())
        return {}
    run(replace(choice, steps=90, evaluate_every=30, save_every=90), folder, on_evaluate=on_evaluate)
    return max(64, round(seconds / (times[2] - times[1]) * 30 / 64) * 64)  # the first thirty warm up


def curve(folder: Path) -> list[dict[str, float]]:
    """The rows of curve.csv that have scores."""
    with open(folder / "curve.csv") as file:
        return [{name: float(value) for name, value in row.items()}
                for row in csv.DictReader(file) if all(row.values())]

"""What makes restored digits sharp? Choices of training, equal seconds each, on super-resolved digits: results/realism.json.

    python -m tools.measure_realism --data ROOT --seconds 75 --together 4     # on a GPU: five minutes

Every choice is trained in a process of its own and scored on the same 2,000 validation digits, at four points of its training.
"""
from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colddiff_nb.data import Images, load, to_float
from colddiff_nb.degradations import measure, register
from colddiff_nb.metrics import scores as metrics
from colddiff_nb.metrics.classifier import Classifier, load_classifier
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe, recipe, train
from colddiff_nb.training.run import OnEvaluate
from colddiff_nb.weights.pretrained import RESULTS

from .energy_score import train_to_draw
from .finer_pixels import FinerPixels

register("finer-pixels", FinerPixels, T=7)
CHOICES: dict[str, dict[str, Any]] = {  # changes of the recipe; `digits`: how many are trained on
    "the recipe": {}, "twice as wide": {"widths": (96, 160, 320)}, "four times as wide": {"widths": (192, 320, 640)},
    "no rollout": {"rollout": 0.0}, "2,000 digits": {"digits": 2_000}, "10,000 digits": {"digits": 10_000},
    "a critic, weight 0.01": {"realism": 0.01}, "a critic, weight 0.03": {"realism": 0.03},
    "a critic, weight 0.1": {"realism": 0.1}, "a critic, weight 0.3": {"realism": 0.3},
    "a finer schedule": {"task": "finer-pixels"}, "energy score": {}}
BATCH = 256


def scorer(choice: Recipe, images: Images, cache: Path, n: int, precision: str = "float32") -> OnEvaluate:
    """FID, Frechet distance, RMSE, SSIM and sharpness of n validation images, by direct reconstruction and Algorithm 2."""
    device = runtime.device()
    inception = metrics.Inception(device=device, dtype=torch.float32 if device.type == "cuda" else torch.bfloat16)
    classifier = classifier_of(choice.dataset).to(device)
    x0 = to_float(images.pixels[images.spread(n)]).to(device)
    drawn = choice.degradation().to(device).draw(n, torch.Generator().manual_seed(0))
    drawn = replace(drawn, randomness=drawn.randomness.to(device))
    with torch.no_grad():
        x_T = measure(drawn(x0, drawn.T), precision)
        originals = {"frechet": classifier.features(x0),
                     "fid": metrics.features_of(inception, x0.split(250), cache / f"{choice.dataset}, {inception.name}, {n}")}

    @torch.no_grad()
    def scores(step: int, network: nn.Module) -> dict[str, float]:
        found: dict[str, float] = {}
        for sampler in (direct, algorithm2):
            with runtime.true_float32():
                parts = [sampler(network, drawn[first:first + 250], part)
                         for first, part in zip(range(0, n, 250), x_T.split(250))]
            restored = torch.cat(parts).clamp(-1, 1)
            features = {"frechet": classifier.features(restored), "fid": metrics.features_of(inception, restored.split(250))}
            found |= {f"{name}_{sampler.__name__}": metrics.frechet_distance(originals[name], of_restored)
                      for name, of_restored in features.items()}
            found |= {f"rmse_{sampler.__name__}": metrics.rmse(restored, x0), f"ssim_{sampler.__name__}": metrics.ssim(restored, x0),
                      f"sharpness_{sampler.__name__}": fine_power(restored) / fine_power(x0)}
        return found
    return scores


def classifier_of(dataset: str) -> Classifier:
    return load_classifier(RESULTS / f"classifier-{dataset}" / "weights.safetensors")


def fine_power(images: Tensor) -> float:
    """Power of images (B, C, size, size) in the upper half of the frequencies."""
    size = images.shape[-1]
    power = torch.fft.fft2(images.double()).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(size, 1 / size, device=images.device).abs()
    return power[torch.maximum(frequency.view(-1, 1), frequency) > size / 4].sum().item()


def measure_choice(name: str, seconds: float, root: Path, runs: Path, n: int) -> None:
    changes = dict(CHOICES[name])
    digits, task = changes.pop("digits", None), changes.pop("task", "superres")
    images = load("mnist", "train", root)
    if digits:
        images = replace(images, pixels=images.pixels[:digits], labels=images.labels[:digits])
    choice = recipe("small", task, "mnist", batch=BATCH, learning_rate=2e-3, **changes)
    run = partial(train_to_draw if name == "energy score" else train, images=images)
    choice = replace(choice, steps=steps_in(seconds, choice, run, runs / f"{name}, probe"))
    choice = replace(choice, evaluate_every=choice.steps // 4, save_every=choice.steps)
    scores, began = scorer(choice, load("mnist", "validation", root), runs, n), time.monotonic()
    run(choice, runs / name, on_evaluate=scores)
    record = {"choice": name, "changes": CHOICES[name], "images_seen": choice.images_seen, "steps": choice.steps, "batch": BATCH,
              "seconds": round(time.monotonic() - began, 1), "curve": curve(runs / name)}
    (runs / f"{name}.json").write_text(json.dumps(record))


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
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file) if all(row.values())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST")
    parser.add_argument("--runs", type=Path, default=Path("runs/realism"))
    parser.add_argument("--seconds", type=float, default=75, help="of training, for each choice")
    parser.add_argument("--together", type=int, default=1, help="processes at once, which share the machine")
    parser.add_argument("--n", type=int, default=2_000, help="validation digits scored")
    parser.add_argument("--only", choices=CHOICES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    chosen.runs.mkdir(parents=True, exist_ok=True)
    if chosen.only:
        return measure_choice(chosen.only, chosen.seconds, chosen.data, chosen.runs, chosen.n)
    waiting = [name for name in CHOICES if not (chosen.runs / f"{name}.json").exists()]
    running: list[subprocess.Popen] = []
    while waiting or running:
        running = [process for process in running if process.poll() is None]
        if waiting and len(running) < chosen.together:
            name = waiting.pop(0)
            with open(chosen.runs / f"{name}.log", "w") as log:
                command = [sys.executable, "-m", "tools.measure_realism", *sys.argv[1:], "--only", name]
                threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // chosen.together))}  # else they wait for each other
                running.append(subprocess.Popen(command, env=os.environ | threads, stdout=log, stderr=subprocess.STDOUT))
        time.sleep(0.2)
    rows = [json.loads(path.read_text()) for name in CHOICES if (path := chosen.runs / f"{name}.json").exists()]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    record = {"task": "superres", "dataset": "mnist", "split": "validation", "n": chosen.n, "device": device,
              "torch": torch.__version__, "together": chosen.together, "rows": rows}
    (RESULTS / "realism.json").write_text(json.dumps(record, indent=1) + "\n")
    for row in rows:
        last = row["curve"][-1]
        print(f"{row['choice']}: {row['images_seen']:,} images, FID direct {last['fid_direct']:.2f}, "
              f"Algorithm 2 {last['fid_algorithm2']:.2f}, RMSE {last['rmse_direct']:.4f}, SSIM {last['ssim_direct']:.4f}, "
              f"sharpness {last['sharpness_direct']:.2f}", flush=True)


if __name__ == "__main__":
    main()

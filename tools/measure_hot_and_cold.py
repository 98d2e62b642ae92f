"""Hot against cold: one small network, one budget, one data set, for noise, blur, pixelation, masks, and blur with a little noise.

    python tools/measure_hot_and_cold.py     # 15 trainings of about a minute; goes on where it was stopped

Writes results/hot_and_cold.json (a row for each degradation, seed, job and sampler) and results/hot_and_cold.png (what the networks
of seed 0 generate). Restoration: of test images, from a severity whose damage is like the others'. Generation: x_T is drawn from the
Gaussian with the mean and covariance of degraded training images, then restored.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

import torch
from torch import Tensor

from colddiff_nb import metrics
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import Degradation, make, register
from colddiff_nb.degradations.others import Noise
from colddiff_nb.metrics.classifier import Classifier, load_classifier
from colddiff_nb.metrics.generation import gaussian_like, generation_scores
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.samplers import ddim
from colddiff_nb.sampling import algorithm1, algorithm2, direct
from colddiff_nb.storage import files
from colddiff_nb.training import recipe, train
from colddiff_nb.weights import load_model

BUDGET: dict[str, Any] = {"steps": 600, "widths": (32, 48, 96), "severities": "uniform", "rollout": 0.0,
                          "evaluate_every": 600, "save_every": 200}
SEEDS, IMAGES, DAMAGE = (0, 1, 2), 500, 0.26  # DAMAGE: RMSE of what noise is restored from, about that of the others' x_T


class BlurWithNoise(Noise):
    """A hybrid: the blur of MNIST, and noise that grows to a spread of 0.05, some six grey levels."""

    def __init__(self, size: int, options: dict[str, Any], T: int):
        super().__init__(size, options, T)
        self.blur = make("deblur", "mnist", size=size, T=T)
        self.noise_level = 0.05 * torch.arange(T + 1) / T

    def signal(self, x0: Tensor, t: Tensor) -> Tensor:
        return self.blur.apply_at(x0, t, t)


def masks_in_the_middle(size: int, options: dict[str, Any], T: int) -> Degradation:
    """One place for all images: else a Gaussian could not say what their x_T have in common."""
    return make("inpaint", size=size, T=T, center=(15, 15), sigma=(1.1, 0.25))


register("middle", masks_in_the_middle, T=20)
register("blur-with-noise", BlurWithNoise, T=20)
TASKS = {"noise": ("noise", 20), "blur": ("deblur", 20), "pixelation": ("superres", 3), "masks": ("middle", 20),
         "blur with noise": ("blur-with-noise", 20)}  # task and T


def noise_estimated_once(restore: Callable, degrade: Noise, x_T: Tensor, T: int) -> Tensor:
    """Algorithm 2 with the noise that explains x_T, the same at all steps."""
    return algorithm2(restore, degrade.estimate(x_T, direct(restore, degrade, x_T, T), T), x_T, T)


def samplers(degrade: Degradation) -> dict[str, Callable]:
    start: dict[str, Callable] = {"degraded": lambda restore, degrade, x_T, T: x_T, "direct": direct}
    if isinstance(degrade, Noise):
        return start | {"Algorithm 2": noise_estimated_once, "DDIM": ddim}
    return start | {"Algorithm 1": algorithm1, "Algorithm 2": algorithm2}


def severity(degrade: Degradation, x0: Tensor) -> int:
    """T; where x_T is noise alone, the severity whose RMSE is nearest to DAMAGE."""
    if type(degrade) is not Noise:
        return degrade.T
    drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
    return min(range(1, degrade.T), key=lambda t: abs(metrics.rmse(drawn(x0, t), x0) - DAMAGE))


def measure(name: str, seed: int, runs: Path, classifier: Classifier) -> tuple[list[dict[str, Any]], Tensor]:
    """Rows of one network, trained first, and eight images that its last sampler generates."""
    task, T = TASKS[name]
    folder = runs / f"{name.replace(' ', '-')}-{seed}"
    train(recipe("quick", task, "mnist5k", seed=seed, T=T, **BUDGET), folder)
    restore, degrade, metadata = load_model(folder / "weights.safetensors")
    train_x0, test = to_float(load("mnist5k", "train").pixels), load("mnist5k", "test")
    x0, labels = to_float(test.pixels[::len(test) // IMAGES]), test.labels[::len(test) // IMAGES]
    t, rows, made = severity(degrade, x0), [], x0
    x_t = degrade.draw(len(x0), torch.Generator().manual_seed(1))(x0, t)
    start = gaussian_like(degrade.draw(len(train_x0), torch.Generator().manual_seed(0))(train_x0, T), len(x0), seed)
    for sampler, sample in samplers(degrade).items():
        restored, made = (sample(restore, degrade, x, s).clamp(-1, 1) for x, s in ((x_t, t), (start, T)))
        row = {"degradation": name, "seed": seed, "sampler": sampler, "n": len(x0), "images_seen": metadata["images_seen"]}
        rows += [row | {"job": "restoration", "from": t, "rmse": metrics.rmse(restored, x0), "ssim": metrics.ssim(restored, x0),
                        "class_accuracy": (classifier(restored).argmax(1) == labels).float().mean().item(),
                        **generation_scores(restored, x0, classifier)},
                 row | {"job": "generation", "from": T, **generation_scores(made, x0, classifier)}]
    return rows, made[:8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=HOME / "runs" / "hot_and_cold", help="where the trainings are kept")
    runs = parser.parse_args().runs
    path = HOME / "results" / "hot_and_cold.json"
    record: dict[str, Any] = {"data": "mnist5k", "budget": BUDGET, "torch": torch.__version__, "rows": []}
    if path.is_file():
        record = json.loads(path.read_text())
    classifier = load_classifier(HOME / "results/classifier-mnist/weights.safetensors")
    pictures: dict[tuple[str, int], Tensor] = {}
    for seed in SEEDS:
        for name in TASKS:
            if any((row["degradation"], row["seed"]) == (name, seed) for row in record["rows"]):
                continue
            rows, pictures[name, seed] = measure(name, seed, runs, classifier)
            record["rows"] += rows
            content = (json.dumps(record, indent=1, allow_nan=False) + "\n").encode()
            files.replace(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
    if all((name, 0) in pictures for name in TASKS):
        columns = {str(i + 1): torch.stack([pictures[name, 0][i] for name in TASKS]) for i in range(8)}
        grid(columns, rows=list(TASKS), scale=2, title="Generated after a minute of training").save(path.with_suffix(".png"))


if __name__ == "__main__":
    main()

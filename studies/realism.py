"""What makes restored digits sharp? Choices of training, equal seconds each, on super-resolved digits.

Every choice is scored on the same 2,000 validation digits, at points of its training a doubling apart. On a
GPU twenty minutes. The published rows are of trainings that shared one GPU.
"""
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from colddiff_nb import evaluate, load, recipe, to_float, train
from colddiff_nb.data import Images
from colddiff_nb.metrics.evaluation import Judges
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe
from colddiff_nb.weights import shipped_classifier
from studies.published import BOTH, Fields, Published
from studies.realism_choices import train_to_draw
from studies.study import Study, each, in_one_row, inception
from studies.tables import section, table

POINTS = (2, 4, 8, 16, 32, 64)  # 64ths of a training that are scored

CHOICES: dict[str, dict[str, Any]] = {  # changes of the recipe; `digits`: how many are trained on
    "the recipe": {}, "twice as wide": {"widths": (96, 160, 320)},
    "four times as wide": {"widths": (192, 320, 640)}, "no rollouts": {"rollout": 0.0},
    "2,000 digits": {"digits": 2_000}, "10,000 digits": {"digits": 10_000},
    "a critic, weight 0.01": {"realism": 0.01}, "a critic, weight 0.03": {"realism": 0.03},
    "a critic, weight 0.1": {"realism": 0.1}, "a critic, weight 0.3": {"realism": 0.3},
    "a critic, weight 1": {"realism": 1.0},
    "a critic, weight 0.3, a tenth of the penalty": {"realism": 0.3, "critic_penalty": 0.1},
    "a finer schedule": {"task": "finer-pixels"}, "energy score": {}}


@dataclass
class Realism(Study):
    seconds: float = 75  # of training, for each choice
    n: int = 2_000  # validation digits scored

    file = "realism.json"

    def header(self) -> Fields:
        return {"task": "superres", "dataset": "mnist", "split": "validation", "n": self.n}

    def cases(self) -> list[Fields]:
        return each(choice=CHOICES)

    def measure(self, choice: str) -> Iterator[Fields]:
        images, changes = load("mnist", "train", self.data), dict(CHOICES[choice])
        digits, task = changes.pop("digits", None), changes.pop("task", "superres")
        images = replace(images, pixels=images.pixels[:digits], labels=images.labels[:digits])
        made = recipe("small", task, "mnist", batch=256, learning_rate=2e-3, **changes)
        folder = self.runs / "realism"
        scores = scorer(made, load("mnist", "validation", self.data), folder, self.n)
        yield {"changes": CHOICES[choice]} | train_for(
            self.seconds, made, folder / choice, scores, images=images,
            training=train_to_draw if choice == "energy score" else train)


def train_for(seconds: float, made: Recipe, folder: Path, scores: Callable,
              training: Callable = train, **options: Any) -> Fields:
    """Train for so many seconds, scored at POINTS. options: those of `training`."""
    times: list[float] = []

    def on_probe(step: int, network: nn.Module) -> dict[str, float]:
        times.append(time.monotonic())
        return {}
    probe = replace(made, steps=90, evaluate_every=30, save_every=90)
    training(probe, folder.with_name(f"{folder.name}, probe"), on_evaluate=on_probe, **options)
    part = max(1, round(seconds / (times[2] - times[1]) * 30 / 64))  # the first thirty steps warm up

    made = replace(made, steps=64 * part, evaluate_every=part, save_every=64 * part)
    began = time.monotonic()
    training(made, folder, **options, on_evaluate=lambda step, network: (
        scores(network) if step // part in POINTS else {}))
    curve = pd.read_csv(folder / "curve.csv").dropna()
    return {"images_seen": made.images_seen, "seconds": round(time.monotonic() - began, 1),
            "device": runtime.device_name(), "curve": curve.to_dict("records")}


def scorer(made: Recipe, images: Images, cache: Path, n: int) -> Callable:
    """FID, Frechet distance, RMSE, SSIM and sharpness of n images, by both of the paper's ways."""
    device = runtime.device()
    judges = Judges(shipped_classifier(made.dataset).to(device), inception("bfloat16"), cache)
    degrade, originals = made.degradation().to(device), fine_power(to_float(images.pixels[images.spread(n)]))

    def scores(network: nn.Module) -> dict[str, float]:
        power: dict[str, float] = defaultdict(float)

        def weighed(name: str) -> Callable:
            def sampler(*given: Any) -> Tensor:
                restored = SAMPLERS[name](*given)
                power[f"sharpness_{name}"] += fine_power(restored.clamp(-1, 1)) / originals
                return restored
            return sampler
        cells = evaluate((network, degrade, {}), images, methods={name: weighed(name) for name in BOTH}, n=n,
                         batch=250, judges=judges)["cells"]
        return in_one_row(cells, "fid", "frechet", "rmse", "ssim") | power
    return scores


@section
def realism_choices_table(published: Published) -> str:
    """The choices, by FID of direct reconstruction at the end."""
    record = published.read("realism.json")
    rows = sorted(record["rows"], key=lambda row: row["curve"][-1]["fid_direct"])
    lines = [{"choice": row["choice"], "images seen": f"{row['images_seen']:,}",
              "FID, direct": f"{end['fid_direct']:.1f}", "FID, Algorithm 2": f"{end['fid_algorithm2']:.1f}",
              "Frechet": f"{end['frechet_direct']:.0f}", "RMSE": f"{end['rmse_direct']:.3f}",
              "fine detail": f"{end['sharpness_direct']:.2f}"} for row in rows for end in row["curve"][-1:]]
    at_once = f", {record['together']} trainings at once" if "together" in record else ""
    return f"{record['n']:,} validation digits, {rows[0]['device']}{at_once}.\n\n{table(lines)}"


def fine_power(images: Tensor) -> float:
    """Power of images (B, C, size, size) in the upper half of the frequencies, over all of them."""
    size = images.shape[-1]
    power = torch.fft.fft2(images.double()).abs().square().sum((0, 1))
    frequency = torch.fft.fftfreq(size, 1 / size, device=images.device).abs()
    return power[torch.maximum(frequency.view(-1, 1), frequency) > size / 4].sum().item()

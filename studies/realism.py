"""What makes restored digits sharp? Choices of training, equal seconds each, on super-resolved digits.

On a GPU five minutes, with --together 4. Every choice is trained in a process of its own and scored on the
same 2,000 validation digits, at three points of its training.
"""
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colddiff_nb import algorithm2, direct, load, recipe, rmse, ssim, to_float, train
from colddiff_nb.data import Images
from colddiff_nb.degradations import measure
from colddiff_nb.metrics import features_of, frechet_distance
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe
from colddiff_nb.weights import shipped_classifier
from studies.models import inception
from studies.published import Published
from studies.realism_choices import train_to_draw
from studies.study import Fields, Study, brief, write
from studies.tables import section, table

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
    together: int = 1  # processes at once, which share the machine
    n: int = 2_000  # validation digits scored
    only: str = ""  # one choice, in this process

    file = "realism.json"

    def run(self) -> None:
        folder = self.runs / "realism"
        if self.only:
            return write(folder / f"{self.only}.json", self.train_choice(self.only, folder / self.only))
        waiting = [name for name in CHOICES if not (folder / f"{name}.json").exists()]
        with ThreadPoolExecutor(self.together) as pool:
            list(pool.map(self.in_a_process, waiting))
        rows = [json.loads((folder / f"{name}.json").read_text()) for name in CHOICES]
        write(self.path(), {"task": "superres", "dataset": "mnist", "split": "validation", "n": self.n,
                            "torch": torch.__version__, "together": self.together, "rows": rows})
        for row in rows:
            print(brief({"choice": row["choice"], "images_seen": row["images_seen"]} | row["curve"][-1]))

    def in_a_process(self, name: str) -> None:
        threads = max(1, (os.cpu_count() or 1) // self.together)  # with more they wait for each other
        subprocess.run([sys.executable, "-m", "studies", *sys.argv[1:], "--only", name], check=True,
                       env=os.environ | {"OMP_NUM_THREADS": str(threads)})

    def train_choice(self, name: str, folder: Path) -> Fields:
        images, changes = load("mnist", "train", self.data), dict(CHOICES[name])
        digits, task = changes.pop("digits", None), changes.pop("task", "superres")
        images = replace(images, pixels=images.pixels[:digits], labels=images.labels[:digits])
        choice = recipe("small", task, "mnist", batch=256, learning_rate=2e-3, **changes)
        scores = scorer(choice, load("mnist", "validation", self.data), folder.parent, self.n)
        return {"choice": name, "changes": CHOICES[name]} | train_for(
            self.seconds, choice, folder, scores, (16, 32, 64), images=images,
            training=train_to_draw if name == "energy score" else train)


def train_for(seconds: float, choice: Recipe, folder: Path, scores: Callable, points: tuple[int, ...],
              training: Callable = train, **options: Any) -> Fields:
    """Train for so many seconds, scored at points: 64ths of the training. options: those of `training`."""
    times: list[float] = []

    def on_probe(step: int, network: nn.Module) -> dict[str, float]:
        times.append(time.monotonic())
        return {}
    probe = replace(choice, steps=90, evaluate_every=30, save_every=90)
    training(probe, folder.with_name(f"{folder.name}, probe"), on_evaluate=on_probe, **options)
    part = max(1, round(seconds / (times[2] - times[1]) * 30 / 64))  # the first thirty steps warm up

    choice = replace(choice, steps=64 * part, evaluate_every=part, save_every=64 * part)
    began = time.monotonic()
    training(choice, folder, **options, on_evaluate=lambda step, network: (
        scores(network) if step // part in points else {}))
    with open(folder / "curve.csv") as file:
        curve = [{name: float(value) for name, value in row.items()}
                 for row in csv.DictReader(file) if all(row.values())]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {"images_seen": choice.images_seen, "seconds": round(time.monotonic() - began, 1),
            "device": device, "curve": curve}


def scorer(choice: Recipe, images: Images, cache: Path, n: int, precision: str = "float32") -> Callable:
    """FID, Frechet distance, RMSE, SSIM and sharpness of n images, by both of the paper's ways."""
    device = runtime.device()
    judge, classifier = inception("bfloat16"), shipped_classifier(choice.dataset).to(device)  # the faster one
    x0 = to_float(images.pixels[images.spread(n)]).to(device)
    drawn = choice.degradation().to(device).draw(n, torch.Generator().manual_seed(0))
    drawn = replace(drawn, randomness=drawn.randomness.to(device))
    x_T, parts = measure(drawn(x0, drawn.T), precision), [slice(i, i + 250) for i in range(0, n, 250)]
    kept = cache / f"{choice.dataset}, {judge.name}, {n}"

    @torch.no_grad()
    def features(x: Tensor, kept: Path | None = None) -> dict[str, Tensor]:
        return {"frechet": classifier.features(x), "fid": features_of(judge, x.split(250), kept)}
    originals = features(x0, kept)

    @torch.no_grad()
    def scores(network: nn.Module) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, sampler in (("direct", direct), ("algorithm2", algorithm2)):
            with runtime.true_float32():
                restored = torch.cat([sampler(network, drawn[part], x_T[part]) for part in parts])
            restored = restored.clamp(-1, 1)
            found |= {f"{distance}_{name}": frechet_distance(originals[distance], of_restored)
                      for distance, of_restored in features(restored).items()}
            found |= {f"rmse_{name}": rmse(restored, x0), f"ssim_{name}": ssim(restored, x0),
                      f"sharpness_{name}": fine_power(restored) / fine_power(x0)}
        return found
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
    return (f"{record['n']:,} validation digits, {rows[0]['device']}, {record['together']} trainings at once."
            f"\n\n{table(lines)}")


def fine_power(images: Tensor) -> float:
    """Power of images (B, C, size, size) in the upper half of the frequencies."""
    size = images.shape[-1]
    power = torch.fft.fft2(images.double()).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(size, 1 / size, device=images.device).abs()
    return power[torch.maximum(frequency.view(-1, 1), frequency) > size / 4].sum().item()

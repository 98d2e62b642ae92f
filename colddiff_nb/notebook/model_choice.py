"""Which model a notebook shows: shipped weights, the reader's own, or those of a short training."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import nn

from colddiff_nb.data.loading import short_name
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.training.loop import train
from colddiff_nb.training.recipes import recipe
from colddiff_nb.weights.pretrained import SAME_IMAGES, SHIPPED, load_model, pretrained_file


class Chosen(NamedTuple):
    """A network, its degradation, and what titles say: "shipped weights 0123abcd, 1.9 M images"."""

    restore: nn.Module
    degrade: Degradation
    label: str


def choose_model(task: str, dataset: str, weights: str = "shipped", runs: str | Path = "runs",
                 data_root: str | Path | None = None, named: str = "quick") -> Chosen:
    """Find the model of a task and a data set.

    weights: "shipped" takes the shipped ones, else the reader's own; "mine" the other way round.
    Where there is neither, the recipe `named` is trained now and kept in runs.
    Raises ValueError for other weights and for unknown data sets.
    """
    if weights not in ("shipped", "mine"):
        raise ValueError(f"weights = {weights!r}: choose one of shipped, mine")
    path = pretrained_file(task, dataset)
    if weights == "mine" or not path.is_file():
        path = own_weights(task, dataset, runs) or path
    if not path.is_file():
        print(f"no weights {path.stem} are shipped: training {named} for a short while", flush=True)
        folder = Path(runs, f"{named}-{task}-{short_name(dataset)}")
        train(recipe(named, task, dataset), folder, data_root=data_root)
        path = folder / "weights.safetensors"
    restore, degrade, metadata = load_model(path)
    whose = f"shipped weights {metadata['checksum'][:8]}" if path.parent == SHIPPED else "own weights"
    seen = metadata["images_seen"]
    images = f"{seen / 1e6:.1f} M" if seen >= 1e6 else f"{seen / 1e3:.0f} k"
    return Chosen(restore, degrade, f"{whose}, {images} images")


def own_weights(task: str, dataset: str, runs: str | Path) -> Path | None:
    """Return the newest weights in a folder of runs that is called <any>-<task>-<dataset>.

    Smoke tests' come last. An offline set also takes those of the set it stands for.
    """
    short = short_name(dataset)
    endings = tuple(f"-{task}-{name}" for name in (short, SAME_IMAGES.get(short, short)))
    found = [path for path in Path(runs).glob("*/weights.safetensors") if path.parent.name.endswith(endings)]
    found.sort(key=lambda path: (not path.parent.name.startswith("smoke"), path.stat().st_mtime))
    return found[-1] if found else None

"""Which model a notebook shows: shipped weights, the reader's own, or a short training where there is neither."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import nn

from colddiff_nb.data.loading import short_name
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.storage.files import usable
from colddiff_nb.training.recipes import recipe
from colddiff_nb.weights.pretrained import SAME_IMAGES, load_model, load_pretrained

WEIGHTS = ("shipped", "mine")


class Chosen(NamedTuple):
    restore: nn.Module  # in eval mode
    degrade: Degradation
    label: str  # for titles: "shipped weights 0123abcd, 1.9 M images"; the first digits of the file's checksum


def own_weights(task: str, dataset: str, runs: str | Path) -> Path | None:
    """Return the newest weights in <runs>/*<task>-<dataset> that were trained for both.

    Those of smoke tests come last. An offline set also takes those of the set it stands for, a folder of your own those
    of equal images."""
    short = short_name(dataset)
    endings = tuple(f"{task}-{name}" for name in (short, SAME_IMAGES.get(short, short)))
    found = [path for path in Path(runs).glob("*/weights.safetensors") if path.parent.name.endswith(endings)]
    found.sort(key=lambda path: (path.parent.name.startswith("smoke"), -path.stat().st_mtime))
    return next((path for path in found if _trained_for(path) in endings), None)


def _trained_for(path: Path) -> str:
    """Task and data set of weights, for a run folder may be called anything."""
    _, metadata = load_weights(path)
    with usable(path):
        trained = metadata["recipe"]
        return f"{trained['task']}-{short_name(trained['dataset'], metadata['data']['checksum'])}"


def choose_model(task: str, dataset: str, weights: str = "shipped", runs: str | Path = "runs", data_root: str | Path = "data",
                 named: str = "quick") -> Chosen:
    """The model of a task and a data set; its label says where its weights come from.

    weights: "shipped" takes the shipped ones, else the reader's own; "mine" the other way round. Where there is neither, the recipe
    `named` is trained now, on the same images, and kept in runs. Raises ValueError for other weights and for
    unknown data sets."""
    if weights not in WEIGHTS:
        raise ValueError(f"weights = {weights!r}: choose one of {', '.join(WEIGHTS)}")
    mine = own_weights(task, dataset, runs) if weights == "mine" else None
    if mine is None:
        try:
            restore, degrade, metadata = load_pretrained(task, dataset)
            return Chosen(restore, degrade, f"shipped weights {metadata['checksum'][:8]}, {images_seen(metadata)}")
        except FileNotFoundError as error:
            print(error)
        if weights == "shipped":
            mine = own_weights(task, dataset, runs)
    if mine is None:
        from colddiff_nb.training.loop import train
        folder = Path(runs, f"{named}-{task}-{short_name(dataset)}")
        print(f"training {task} on {dataset} for a short while ({named})", flush=True)
        train(recipe(named, task, dataset), folder, data_root=data_root)
        mine = folder / "weights.safetensors"
    restore, degrade, metadata = load_model(mine)
    return Chosen(restore, degrade, f"own weights, {images_seen(metadata)}")


def images_seen(metadata: dict) -> str:
    """1,920,000 -> "1.9 M images", 19,200 -> "19 k images"."""
    n = metadata["images_seen"]
    return f"{n / 1e6:.1f} M images" if n >= 1e6 else f"{n / 1e3:.0f} k images" if n >= 1e3 else f"{n} images"

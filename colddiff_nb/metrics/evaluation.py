"""Scores a restorer on a whole split.

A cell is one method from x_T in one precision. Cells are recorded as they are done, see metrics/records.py,
so that a run which was stopped goes on with the next cell.
"""
from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colddiff_nb import metrics
from colddiff_nb.data import Images, channels, load, to_float
from colddiff_nb.data.names import PREFIX, check_whole
from colddiff_nb.degradations import Degradation, DrawnDegradation, make, measure
from colddiff_nb.degradations.tasks import MAKERS
from colddiff_nb.metrics.records import fid_protocol, markdown, plain, record, recorded, table
from colddiff_nb.sampling import SAMPLERS, Restore
from colddiff_nb.storage.runtime import true_float32

__all__ = [
    "METHODS", "Judges", "degraded_rows", "evaluate", "fid_protocol", "markdown", "plain",
    "refuse_training_images", "table"]

Sampler = Callable[..., Any]  # sampler(restore, degrade, x_T) -> x_0
Model = tuple[Restore | None, Degradation, Mapping[str, Any]]

METHODS: dict[str, Sampler] = {"degraded": lambda restore, degrade, x_T: x_T} | SAMPLERS
CONTAINS = {  # splits whose images also have another name
    ("mnist", "validation"): {("mnist5k", "train"), ("mnist5k", "test")},
    ("mnist5k", "validation"): {("mnist5k", "train")}}


@dataclass(frozen=True)
class Judges:
    """Networks that score restored images, beside RMSE and SSIM."""

    # classifier(images) -> logits; with features(images) -> (B, d) for a Frechet distance too
    classifier: Any = None
    inception: Any = None  # for FID, such as `metrics.Inception`
    cache: Path | None = None  # folder that keeps Inception's features of the originals
    why: str = "it was not asked for"  # there is no Inception

    def names(self) -> dict[str, str | None]:
        """Return the networks' names, for the provenance."""
        return {"classifier": self.classifier and self.classifier.name,
                "inception": self.inception and self.inception.name}

    def extractors(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Return what gives features, by the score that they are for."""
        found = {"frechet": getattr(self.classifier, "features", None), "fid": self.inception}
        return {score: extract for score, extract in found.items() if extract is not None}


NO_JUDGES = Judges()


def evaluate(model: Model, images: Images, folder: str | Path | None = None, *,
             methods: Sequence[str] | Mapping[str, Sampler] = tuple(METHODS),
             measurement_precision: str = "float32", judges: Judges = NO_JUDGES,
             n: int | None = None, seed: int = 0, batch: int = 100,
             log: Callable[[str], object] = print) -> dict[str, Any]:
    """Score methods on a split, on D's device.

    A cell in metrics.json of the same provenance is not computed again. Without a checksum of the weights,
    only the degraded one can be known to be the same.

    Args:
        model: (restore, D, metadata), as load_pretrained gives. restore(x_s, s, start) -> x0_hat, see
            sampling.py, or None for methods=("degraded",). Of metadata `data`, the provenance of the training
            images, and `checksum`, that of the weights, are used where they are given.
        images: the split; ValueError if the weights were trained on it.
        folder: where the cells are kept, in its metrics.json.
        methods: names of METHODS, or samplers by name.
        measurement_precision: "8bit" rounds x_T to the 256 levels of an image file before restoring.
        judges: for class_accuracy (the share of images still read as their class), Frechet and FID.
        n: score that many images, spread evenly over the split.
        seed: of the one draw for the whole split, and of the bootstrap intervals.
        batch: images that are restored at once.
        log: what is told, a line each.

    Returns:
        {"cells": [...]}, one a method. `gain` is the RMSE of x_T divided by that of the method: above 1 it
            helps.

    Raises:
        ValueError: images trained on, unknown methods or precisions, n outside 2..len(images), results that
            are not finite.
    """
    restore, degrade, metadata = model
    known = methods if isinstance(methods, Mapping) else METHODS
    if unknown := [name for name in methods if name not in known]:
        raise ValueError(f"unknown method {unknown[0]!r}: choose from {', '.join(METHODS)}")
    if restore is None and set(methods) != {"degraded"}:
        raise ValueError('no restorer was given: give one, or methods=("degraded",)')
    weights, sources = metadata.get("checksum"), [metadata["data"]] if metadata.get("data") else []
    refuse_training_images(images, sources)
    _check_fits(restore, degrade, images)
    check_whole(batch, 1, 2 ** 32, f"batch = {batch!r}: it must be at least 1")
    n = len(images) if n is None else n
    if not 2 <= n <= len(images):
        raise ValueError(f"n = {n} lies outside 2..{len(images)}, the images of {images.name} {images.split}")
    scorer = _Scorer(restore, degrade, measurement_precision, images, n, seed, batch, judges)
    cells = []
    for name in methods:
        said = f"{degrade.task} {images.name}, {name} from {measurement_precision}"
        network = {} if name == "degraded" else {"weights": weights, "trained_on": sources}
        where = {"method": name, "measurement_precision": measurement_precision, "n": n}
        made_from = {"images": images.provenance, "seed": seed, "degradation": degrade.options}
        provenance = json.loads(json.dumps(where | network | judges.names() | made_from))
        same_weights_known = weights is not None or name == "degraded"
        cell = recorded(folder, provenance) if folder is not None and same_weights_known else None
        if cell:
            log(f"{said}: recorded in {folder}/metrics.json")
        else:
            start = time.perf_counter()
            cell = {"task": degrade.task, "data": images.name, "split": images.split,
                    "variant": _variant(degrade.options), **where, **scorer.score(name, known[name]),
                    "provenance": provenance,
                    "environment": {"device": str(scorer.device), "torch": torch.__version__}}
            if folder is not None:
                record(folder, cell)
            log(f"{said}: RMSE {cell['rmse']:.4f}, SSIM {cell['ssim']:.4f}, "
                f"{n} images in {time.perf_counter() - start:.1f} s")
        cells.append(cell)
    return {"cells": cells}


def refuse_training_images(images: Images, trained_on: Iterable[Mapping[str, Any]]) -> None:
    """Raise ValueError if `images` hold some of those that `trained_on` is the provenance of."""
    def parts(name: str, split: str) -> set[tuple[str, str]]:  # of a folder only the checksum tells
        return CONTAINS.get((name, split), set() if name.startswith(PREFIX) else {(name, split)})
    for source in trained_on:
        shared = parts(source["name"], source["split"]) & parts(images.name, images.split)
        if shared or source.get("checksum") == images.checksum:
            raise ValueError(f"the weights were trained on {source['name']} {source['split']}, which holds "
                             f"images of {images.name} {images.split}: "
                             "score a split that they have not seen, such as test")


def _check_fits(restore: Any, degrade: Degradation, images: Images) -> None:
    """Raise ValueError where a network was made for images or severities that these are not."""
    channels = images.pixels.shape[1]
    if getattr(restore, "channels", channels) != channels:
        raise ValueError(f"{images.name} has {channels} channels, and the network restores "
                         f"{restore.channels}: choose another data set")
    if getattr(restore, "T", degrade.T) < degrade.T:
        raise ValueError(f"T = {degrade.T}: the network was trained for severities 1..{restore.T}")


class _Scorer:
    """Computes all scores of a method in one pass over the images."""

    def __init__(self, restore: Any, degrade: Degradation, measurement_precision: str, images: Images, n: int,
                 seed: int, batch: int, judges: Judges):
        self.restore, self.measurement_precision = restore, measurement_precision
        self.seed, self.batch, self.judges = seed, batch, judges
        self.device = degrade.device
        self.drawn: DrawnDegradation = degrade.draw(n, torch.Generator().manual_seed(seed))
        chosen = images.spread(n)
        self.pixels, self.labels = images.pixels[chosen], images.labels[chosen]
        name = f"{judges.names()['inception']}, {n} of {images.checksum[:16]}"
        extractors, folder = judges.extractors(), judges.cache

        @cache
        def original_features(score: str) -> Tensor:
            file = folder / name if folder and score == "fid" else None
            batches = (to_float(pixels.to(self.device)) for pixels in self.pixels.split(batch))
            return metrics.features_of(extractors[score], batches, file)

        self.extractors, self.original_features = extractors, original_features

    @torch.no_grad()
    def score(self, name: str, sampler: Sampler) -> dict[str, Any]:
        of_each: dict[str, list[Tensor]] = defaultdict(list)  # by score: a number or features of each image
        for first in range(0, len(self.pixels), self.batch):
            these = slice(first, first + self.batch)
            x0, drawn = to_float(self.pixels[these].to(self.device)), self.drawn[these]
            with true_float32():
                x_T = measure(drawn(x0, drawn.T), self.measurement_precision)
                restored = sampler(self.restore, drawn, x_T).clamp(-1, 1)
            if not torch.isfinite(restored).all():
                raise ValueError(f"{name} gave values that are not finite: "
                                 "the weights are damaged, or training diverged")
            of_each["before"].append(metrics.squared_errors(x_T, x0))
            of_each["after"].append(metrics.squared_errors(restored, x0))
            of_each["ssim"].append(metrics.similarities(restored, x0))
            if self.judges.classifier is not None:
                read = self.judges.classifier(restored).argmax(1).cpu()
                of_each["class_accuracy"].append((read == self.labels[these]).double())
            for score, extract in self.extractors.items():
                of_each[score].append(extract(restored).cpu())
        whole = {score: torch.cat(parts) for score, parts in of_each.items()}
        for score in self.extractors:
            whole[score] = metrics.frechet_contributions(self.original_features(score), whole[score])
        before, after = whole.pop("before"), whole.pop("after")
        rmse, (low, high) = after.mean().sqrt().item(), metrics.bootstrap(after, self.seed)
        gain = before.mean().sqrt().item() / rmse if rmse else None
        cell = {"fid": f"not run: {self.judges.why}",
                "rmse": rmse, "rmse_interval": [low ** 0.5, high ** 0.5]}
        if gain and name != "degraded":
            whole["gain"] = metrics.gain_contributions(before, after)
        for score, values in whole.items():
            interval = list(metrics.bootstrap(values, self.seed))
            cell |= {score: values.mean().item(), f"{score}_interval": interval}
        if "fid" in whole:
            cell["resize"] = self.judges.inception.resize
        return cell | {"gain": gain}


def _variant(options: Mapping[str, Any]) -> str:
    """T, and the options that are not the paper's."""
    defaults: dict[str, Any] = {}
    if options["task"] in MAKERS:
        defaults = make(options["task"], options["dataset"], size=options["size"]).options | {"size": 32}
    others = [f"{key} {value}" for key, value in options.items()
              if key != "T" and defaults.get(key, value) != value]
    return ", ".join([f"T = {options['T']}", *others])


def degraded_rows(root: str | Path | None = None, names: Sequence[str] = ("mnist", "cifar10"),
                  log: Callable[[str], object] = print) -> Any:
    """Score D(x0, T) of the full test splits: a `table`."""
    cells = []
    for name in names:
        images = load(name, "test", root)
        rows: list[tuple[str, dict[str, Any]]] = [
            ("deblur", {}), ("superres", {}), ("superres", {"pooling": "bicubic"}), ("inpaint", {})]
        if channels(name) == 1:
            rows.insert(1, ("deblur", {"T": 20}))
        for task, options in rows:
            model: Model = None, make(task, name, **options), {}
            cells += evaluate(model, images, methods=("degraded",), log=log)["cells"]
    return table([{"cells": cells}])

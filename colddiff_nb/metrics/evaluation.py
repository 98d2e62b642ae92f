"""Scores a restorer on a whole split.

A cell is one method from x_T in one precision. Cells are recorded as they are done, see metrics/records.py,
so that a run which was stopped goes on with the next cell.
"""
from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colddiff_nb import metrics
from colddiff_nb.data.loading import Images, load
from colddiff_nb.data.names import PREFIX, channels, check_whole
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.contract import Degradation, DrawnDegradation
from colddiff_nb.degradations.tasks import MAKERS, make, measure
from colddiff_nb.metrics.records import fid_protocol, markdown, record, recorded, table
from colddiff_nb.sampling import SAMPLERS, Restore
from colddiff_nb.storage.runtime import true_float32

__all__ = [
    "METHODS", "Judges", "degraded_rows", "evaluate", "fid_protocol", "markdown", "refuse_training_images",
    "table"]

Sampler = Callable[..., Any]  # sampler(restore, degrade, x_T) -> x_0

METHODS: dict[str, Sampler] = {"degraded": lambda restore, degrade, x_T: x_T} | SAMPLERS
CONTAINS = {  # splits whose images also have another name
    ("mnist", "validation"): {("mnist5k", "train"), ("mnist5k", "test")},
    ("mnist5k", "validation"): {("mnist5k", "train")}}
Model = tuple[Restore | None, Degradation, Mapping[str, Any]]


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
    """Score methods on a split.

    The work is done on the device of D's buffers. A cell in metrics.json of the same provenance is not
    computed again; without a checksum of the weights only the degraded one can be known to be the same.

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
        network = {} if name == "degraded" else {"weights": weights, "trained_on": sources}
        where = {"method": name, "measurement_precision": measurement_precision, "n": n}
        made_from = {"images": images.provenance, "seed": seed, "degradation": degrade.options}
        provenance = json.loads(json.dumps(where | network | judges.names() | made_from))
        same_weights_known = weights is not None or name == "degraded"
        cell = recorded(folder, provenance) if folder is not None and same_weights_known else None
        if cell:
            log(f"{name}, {measurement_precision}: recorded in {folder}/metrics.json")
        else:
            start = time.perf_counter()
            scores = scorer.score(name, known[name])
            seconds = time.perf_counter() - start
            environment = {"device": str(scorer.device), "torch": torch.__version__,
                           "seconds": round(seconds, 2), "images_per_second": round(n / seconds, 1)}
            cell = {"task": degrade.task, "data": images.name, "split": images.split,
                    "variant": _variant(degrade.options), **where, **scores, "provenance": provenance,
                    "environment": environment}
            if folder is not None:
                record(folder, cell)
            log(f"{name}, {measurement_precision}: RMSE {cell['rmse']:.4f}, SSIM {cell['ssim']:.4f}, "
                f"{n} images in {seconds:.1f} s")
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
        self.device = next((buffer.device for buffer in degrade.buffers()), torch.device("cpu"))
        self.drawn: DrawnDegradation = degrade.draw(n, torch.Generator().manual_seed(seed))
        chosen = images.spread(n)
        self.pixels, self.labels = images.pixels[chosen], images.labels[chosen]
        self.cached_as = f"{judges.names()['inception']}, {n} of {images.checksum[:16]}"
        self.original_features: dict[str, Tensor] = {}

    def originals(self) -> Iterator[Tensor]:
        for pixels in self.pixels.split(self.batch):
            yield to_float(pixels.to(self.device))

    def mean(self, score: str, values: Tensor) -> dict[str, Any]:
        """The mean of one number an image, with its bootstrap interval."""
        return {score: values.mean().item(), f"{score}_interval": list(metrics.bootstrap(values, self.seed))}

    @torch.no_grad()
    def score(self, name: str, sampler: Sampler) -> dict[str, Any]:
        judges, extractors = self.judges, self.judges.extractors()
        features: dict[str, list[Tensor]] = {score: [] for score in extractors}
        scores, before, read, start = metrics.Scores(), [], [], 0
        for x0 in self.originals():
            end = start + len(x0)
            drawn = self.drawn[start:end]
            with true_float32():
                x_T = measure(drawn(x0, drawn.T), self.measurement_precision)
                restored = sampler(self.restore, drawn, x_T).clamp(-1, 1)
            if not torch.isfinite(restored).all():
                raise ValueError(f"{name} gave values that are not finite: "
                                 "the weights are damaged, or training diverged")
            scores.update(restored, x0)
            before.append(metrics.squared_errors(x_T, x0))
            if judges.classifier is not None:
                read.append(judges.classifier(restored).argmax(1).cpu() == self.labels[start:end])
            for score, extract in extractors.items():
                features[score].append(extract(restored).cpu())
            start = end
        errors, after = torch.cat(before), scores.squared_errors
        low, high = metrics.bootstrap(after, self.seed)
        cell: dict[str, Any] = {
            "fid": f"not run: {judges.why}", "rmse": scores.rmse, "rmse_interval": [low ** 0.5, high ** 0.5],
            "ssim": scores.ssim, "ssim_interval": list(metrics.bootstrap(scores.similarities, self.seed)),
            "gain": errors.mean().sqrt().item() / scores.rmse if scores.rmse else None}
        if name != "degraded" and cell["gain"]:
            gains = metrics.gain_contributions(errors, after)
            cell["gain_interval"] = list(metrics.bootstrap(gains, self.seed))
        if read:
            cell |= self.mean("class_accuracy", torch.cat(read).double())
        for score, extract in extractors.items():
            if score not in self.original_features:
                cache = judges.cache / self.cached_as if judges.cache and score == "fid" else None
                self.original_features[score] = metrics.features_of(extract, self.originals(), cache)
            restored_features = torch.cat(features[score])
            distances = metrics.frechet_contributions(self.original_features[score], restored_features)
            cell |= self.mean(score, distances)
        return cell | ({"resize": judges.inception.resize} if "fid" in extractors else {})


def _variant(options: Mapping[str, Any]) -> str:
    """T, and the options that are not the paper's."""
    defaults: dict[str, Any] = {}
    if options["task"] in MAKERS:
        defaults = make(options["task"], options["dataset"], size=options["size"]).options
    others = [f"{key} {value}" for key, value in options.items()
              if key != "T" and defaults.get(key, value) != value]
    return ", ".join([f"T = {options['T']}", *others])


def degraded_rows(root: str | Path = "data", names: Sequence[str] = ("mnist", "cifar10"),
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

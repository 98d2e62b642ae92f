"""Scores a restorer on a whole split.

A cell is one method from x_T in one precision. Each is recorded when it is done, see records.py: a run that
was stopped goes on with the next.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colddiff_nb import metrics
from colddiff_nb.data import Images, load, to_float
from colddiff_nb.data.names import PREFIX, channels
from colddiff_nb.degradations import Degradation, make, measure
from colddiff_nb.degradations.tasks import MAKERS
from colddiff_nb.metrics.records import record, recorded, table
from colddiff_nb.sampling import SAMPLERS, Restore
from colddiff_nb.storage.progress import progress_bar
from colddiff_nb.storage.runtime import true_float32

Sampler = Callable[..., Any]  # sampler(restore, degrade, x_T) -> x_0
Model = tuple[Restore | None, Degradation, Mapping[str, Any]]

METHODS: dict[str, Sampler] = {"degraded": lambda restore, degrade, x_T: x_T} | SAMPLERS
CONTAINS = {  # splits whose images also have another name
    ("mnist", "validation"): {("mnist5k", "train"), ("mnist5k", "test")},
    ("mnist5k", "validation"): {("mnist5k", "train")}}


@dataclass(frozen=True)
class Judges:
    """Networks that score restored images, beside RMSE and SSIM."""

    classifier: Any = None  # classifier(images) -> logits; features(images) -> (B, d) for a Frechet distance
    inception: Any = None  # for FID, such as `metrics.Inception`
    cache: Path | None = None  # folder that keeps Inception's features of the originals


def evaluate(model: Model, images: Images, folder: str | Path | None = None, *,
             methods: Sequence[str] | Mapping[str, Sampler] = tuple(METHODS),
             measurement_precision: str = "float32", judges: Judges | None = None,
             n: int | None = None, seed: int = 0, batch: int = 100,
             log: Callable[[str], object] = print) -> dict[str, Any]:
    """Score methods on a split, on D's device.

    A recorded cell of the same provenance is not computed again, if the weights' checksum is known.

    Args:
        model: (restore, D, metadata), as load_pretrained gives; restore may be None for
            methods=("degraded",). Of metadata are used, where given, `data`, the provenance of the training
            images, and `checksum`, that of the weights.
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
    judges = judges or Judges()
    samplers = methods if isinstance(methods, Mapping) else METHODS
    if unknown := [name for name in methods if name not in samplers]:
        raise ValueError(f"unknown method {unknown[0]!r}: choose from {', '.join(METHODS)}")
    weights, trained_on = metadata.get("checksum"), metadata.get("data")
    if trained_on:
        refuse_training_images(images, trained_on)
    _check_fits(restore, degrade, images)
    n = len(images) if n is None else n
    if not 2 <= n <= len(images):
        raise ValueError(f"n = {n} lies outside 2..{len(images)}, the images of {images.name} {images.split}")
    if batch < 1:
        raise ValueError(f"batch = {batch}: it must be at least 1")
    score = _scorer(model, images, measurement_precision, judges, n, seed, batch)
    cells = []
    for name in methods:
        said = f"{degrade.task} {images.name}, {name} from {measurement_precision}"
        where = {"method": name, "measurement_precision": measurement_precision, "n": n}
        provenance = where | {
            "images": images.provenance, "seed": seed, "degradation": degrade.options,
            "classifier": getattr(judges.classifier, "name", None),
            "inception": getattr(judges.inception, "name", None)}
        if name != "degraded":
            provenance |= {"weights": weights, "trained_on": [trained_on] if trained_on else []}
        provenance = json.loads(json.dumps(provenance))  # as it comes back from the file
        known = name == "degraded" or weights is not None
        cell = recorded(folder, provenance) if folder is not None and known else None
        if cell:
            log(f"{said}: recorded in {folder}/metrics.json")
        else:
            bar, _ = progress_bar(f"{said}: ", n, log)
            with bar:
                scores = score(name, samplers[name], bar)
            cell = {"task": degrade.task, "data": images.name, "split": images.split,
                    "variant": _variant(degrade), **where, **scores, "provenance": provenance,
                    "environment": {"device": str(degrade.device), "torch": torch.__version__}}
            if folder is not None:
                record(folder, cell)
            log(f"{said}: RMSE {cell['rmse']:.4f}, SSIM {cell['ssim']:.4f}, "
                f"{n} images in {bar.format_dict['elapsed']:.1f} s")
        cells.append(cell)
    return {"cells": cells}


def refuse_training_images(images: Images, trained_on: Mapping[str, Any]) -> None:
    """Raise ValueError if `images` hold some of those that `trained_on` is the provenance of."""
    def parts(name: str, split: str) -> set[tuple[str, str]]:  # of a folder only the checksum tells
        return CONTAINS.get((name, split), set() if name.startswith(PREFIX) else {(name, split)})

    name, split = trained_on["name"], trained_on["split"]
    if parts(name, split) & parts(images.name, images.split) or trained_on.get("checksum") == images.checksum:
        raise ValueError(f"the weights were trained on {name} {split}, which holds images of {images.name} "
                         f"{images.split}: score a split that they have not seen, such as test")


def _check_fits(restore: Any, degrade: Degradation, images: Images) -> None:
    channels = images.pixels.shape[1]
    if getattr(restore, "channels", channels) != channels:
        raise ValueError(f"{images.name} has {channels} channels, and the network restores "
                         f"{restore.channels}: choose another data set")
    if getattr(restore, "T", degrade.T) < degrade.T:
        raise ValueError(f"T = {degrade.T}: the network was trained for severities 1..{restore.T}")


def _scorer(model: Model, images: Images, measurement_precision: str, judges: Judges, n: int, seed: int,
            batch: int) -> Callable[[str, Sampler, Any], dict[str, Any]]:
    """Return what computes all scores of a method, in one pass over n images with one draw of D."""
    restore, degrade, _ = model
    draw, chosen = degrade.draw(n, torch.Generator().manual_seed(seed)), images.spread(n)
    labels, pixels = images.labels[chosen].split(batch), images.pixels[chosen].split(batch)
    extractors = {"frechet": judges.classifier.features} if judges.classifier else {}
    if judges.inception:
        extractors["fid"] = judges.inception

    @cache
    def of_originals(feature: str) -> Tensor:
        originals = (to_float(part.to(degrade.device)) for part in pixels)
        kept = judges.cache if feature == "fid" else None
        file = kept and kept / f"{judges.inception.name}, {n} of {images.checksum[:16]}"
        return metrics.features_of(extractors[feature], originals, file)

    @torch.no_grad()
    def score(name: str, sampler: Sampler, bar: Any) -> dict[str, Any]:
        parts: list[dict[str, Tensor]] = []  # of each batch, by score: a number or features an image
        for number, batch_pixels in enumerate(pixels):
            x0, drawn = to_float(batch_pixels.to(degrade.device)), draw[number * batch:(number + 1) * batch]
            with true_float32():
                x_T = measure(drawn(x0, drawn.T), measurement_precision)
                restored = sampler(restore, drawn, x_T).clamp(-1, 1)
            if not torch.isfinite(restored).all():
                raise ValueError(f"{name} gave values that are not finite: "
                                 "the weights are damaged, or training diverged")
            found = {"before": metrics.squared_errors(x_T, x0), "after": metrics.squared_errors(restored, x0),
                     "ssim": metrics.similarities(restored, x0)}
            if judges.classifier:
                read = judges.classifier(restored).argmax(1).cpu()
                found["class_accuracy"] = (read == labels[number]).double()
            found |= {feature: extract(restored).cpu() for feature, extract in extractors.items()}
            parts.append(found)
            bar.update(len(x0))
        whole = {kind: torch.cat([part[kind] for part in parts]) for kind in parts[0]}
        for feature in extractors:
            whole[feature] = metrics.frechet_contributions(of_originals(feature), whole[feature])
        before, after = whole.pop("before"), whole.pop("after")
        rmse, (low, high) = after.mean().sqrt().item(), metrics.bootstrap(after, seed)
        gain = before.mean().sqrt().item() / rmse if rmse else None
        if gain and name != "degraded":
            whole["gain"] = metrics.gain_contributions(before, after)
        cell: dict[str, Any] = {"fid": "not run"}
        for kind, values in whole.items():
            cell |= {kind: values.mean().item(), f"{kind}_interval": list(metrics.bootstrap(values, seed))}
        return cell | {"rmse": rmse, "rmse_interval": [low ** 0.5, high ** 0.5], "gain": gain}

    return score


def _variant(degrade: Degradation) -> str:
    """T, and the options that are not the paper's."""
    options = degrade.options
    usual = dict(options)
    if options["task"] in MAKERS:
        own = {name: options[name] for name in ("task", "dataset", "size", "T")}
        usual |= make(**own).options | {"size": 32}
    others = [f"{key} {value}" for key, value in options.items() if usual[key] != value]
    return ", ".join([f"T = {degrade.T}", *others])


def degraded_rows(root: str | Path | None = None, names: Sequence[str] = ("mnist", "cifar10"),
                  log: Callable[[str], object] = print) -> Any:
    """Score D(x0, T) of the full test splits: a `table`."""
    rows = []
    for name in names:
        images = load(name, "test", root)
        blurs = [make("deblur", name, T=T) for T in ((40, 20) if channels(name) == 1 else (50,))]
        pooled = [make("superres", name, pooling=pooling) for pooling in ("area", "bicubic")]
        for degrade in (*blurs, *pooled, make("inpaint", name)):
            rows.append(evaluate((None, degrade, {}), images, methods=("degraded",), log=log))
    return table(*rows)

"""Scores a restorer on a whole split, records every cell with where it comes from, and builds the tables.

A cell is one method (degraded, direct, algorithm1, algorithm2) from x_T in one precision (float32, 8bit). Cells are written to
<folder>/metrics.json as they are done, so that a run which was stopped goes on with the next cell.
"""
from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from colddiff_nb.sampling import SAMPLERS, Restore
from colddiff_nb.storage import files
from colddiff_nb.storage.aliases import current_names
from colddiff_nb.storage.runtime import true_float32

METHODS: dict[str, Callable] = {"degraded": lambda restore, degrade, x_T: x_T} | SAMPLERS
CONTAINS = {  # splits whose images also have another name
    ("mnist", "validation"): {("mnist5k", "train"), ("mnist5k", "test")},
    ("mnist5k", "validation"): {("mnist5k", "train")}}
CELL: dict[str, Any] = dict.fromkeys(("task", "data", "split", "variant", "method", "measurement_precision"), str) | dict.fromkeys(
    ("rmse", "ssim", "n"), (int, float)) | {"gain": (float, type(None)), "fid": (str, float), "provenance": dict}  # a record
METRICS = {  # the better end, and the digits shown
    "RMSE": (min, 4), "SSIM": (max, 4), "FID": (min, 2), "class_accuracy": (max, 3), "Frechet": (min, 2), "gain": (max, 2)}


def evaluate(restore: Restore | None, degrade: Degradation, images: Images,
             folder: str | Path | None = None, *, methods: Sequence[str] = tuple(METHODS), measurement_precision: str = "float32",
             batch: int = 100, seed: int = 0, trained_on: Mapping | Iterable[Mapping] | None = None, weights: str | None = None,
             classifier: Any = None, fid: bool | Callable = False, n: int | None = None, feature_cache: str | Path | None = None,
             log: Callable[[str], object] = print) -> dict[str, Any]:
    """Score the methods on a split: {"cells": [...]}, one dict a method; with `folder`, also kept in its metrics.json.

    restore(x_s, s, start) -> x0_hat, see sampling.py; None will do for methods=("degraded",). Work is done on the device of `degrade`'s buffers.
    measurement_precision: "8bit" rounds x_T to the 256 levels of an image file before restoring. seed: of the one draw for the whole split
    and of the bootstrap intervals. n: score that many images, spread evenly over the split.
    trained_on: provenance of the images the weights were trained on (one dict, or several); weights: their checksum. A cell in
    metrics.json of the same provenance is not computed again; without a checksum only the degraded one can be known to be same.
    classifier: a callable logits = classifier(images) with a `name`, for `class_accuracy`, the share of images still read as their
    class; where it has a method features(images) -> (B, d), also for the Frechet distance in them.
    fid: True for FID by `metrics.Inception`, or a callable with `name` and `resize`. feature_cache: folder for the originals' features.
    gain is the RMSE of the measurement divided by that of the method: above 1 the method helps.
    Raises ValueError for images trained on, unknown methods or precisions of x_T, n outside 2..len(images), results that are not finite.
    """
    if unknown := [method for method in methods if method not in METHODS]:
        raise ValueError(f"unknown method {unknown[0]!r}: choose from {', '.join(METHODS)}")
    if restore is None and set(methods) != {"degraded"}:
        raise ValueError('no restorer was given: give one, or methods=("degraded",)')
    sources = [] if trained_on is None else [trained_on] if isinstance(trained_on, Mapping) else list(trained_on)
    refuse_training_images(images, sources)
    _check_fits(restore, degrade, images)
    check_whole(batch, 1, 2 ** 32, f"batch = {batch!r}: it must be at least 1")
    count = len(images) if n is None else n
    if not 2 <= count <= len(images):
        raise ValueError(f"n = {count} lies outside 2..{len(images)}, the images of {images.name} {images.split}")
    chosen = images.spread(count)
    device = next((buffer.device for buffer in degrade.buffers()), torch.device("cpu"))
    inception: Any
    inception, why = metrics.load_inception(device=device) if fid is True else (fid or None, "it was not asked for")
    cache = Path(feature_cache, f"{inception.name}, {count} of {images.checksum[:16]}") if inception and feature_cache else None
    drawn = degrade.draw(count, torch.Generator().manual_seed(seed))
    pixels, labels = images.pixels[chosen], images.labels[chosen]
    scorer = _Scorer(restore, drawn, measurement_precision, pixels, labels, batch, device, classifier, inception, cache)
    cells = []
    for method in methods:
        network = {} if method == "degraded" else {"weights": weights, "trained_on": sources}
        provenance = json.loads(json.dumps({
            "method": method, "measurement_precision": measurement_precision, "images": images.provenance, "n": count, "seed": seed, **network,
            "degradation": degrade.options, "classifier": classifier and classifier.name,
            "inception": inception and inception.name}))
        cell = _recorded(folder, provenance) if folder is not None and (weights is not None or method == "degraded") else None
        if cell is not None:
            log(f"{method}, {measurement_precision}: recorded in {folder}/metrics.json")
        else:
            start = time.perf_counter()
            scores = {"fid": f"not run: {why}"} | scorer.score(method, seed)
            seconds = time.perf_counter() - start
            cell = {"task": degrade.task, "data": images.name, "split": images.split, "variant": _variant(degrade.options),
                    "method": method, "measurement_precision": measurement_precision, "n": count, **scores, "provenance": provenance,
                    "environment": {"device": str(device), "torch": torch.__version__, "seconds": round(seconds, 2),
                                    "images_per_second": round(count / seconds, 1)}}
            if folder is not None:
                _record(folder, cell)
            log(f"{method}, {measurement_precision}: RMSE {cell['rmse']:.4f}, SSIM {cell['ssim']:.4f}, {count} images in {seconds:.1f} s")
        cells.append(cell)
    return {"cells": cells}


def refuse_training_images(images: Images, trained_on: Iterable[Mapping]) -> None:
    """ValueError if `images` hold some that weights were trained on, whose provenance is `trained_on`; under whatever name."""
    def parts(name: str, split: str) -> set[tuple[str, str]]:  # of a folder only the checksum tells
        return CONTAINS.get((name, split), set() if name.startswith(PREFIX) else {(name, split)})
    for source in trained_on:
        if source.get("checksum") == images.checksum or parts(source["name"], source["split"]) & parts(images.name, images.split):
            raise ValueError(f"the weights were trained on {source['name']} {source['split']}, which holds images of "
                             f"{images.name} {images.split}: score a split that they have not seen, such as test")


def _check_fits(restore: Any, degrade: Degradation, images: Images) -> None:
    """Raise ValueError where a network was made for images or severities that these are not."""
    channels = images.pixels.shape[1]
    if getattr(restore, "channels", channels) != channels:
        raise ValueError(f"{images.name} has {channels} channels, and the network restores {restore.channels}: "
                         "choose another data set")
    if getattr(restore, "T", degrade.T) < degrade.T:
        raise ValueError(f"T = {degrade.T}: the network was trained for severities 1..{restore.T}")


@dataclass
class _Scorer:
    """Computes all scores of a method in one pass over the images."""

    restore: Any
    drawn: DrawnDegradation
    measurement_precision: str
    pixels: Tensor
    labels: Tensor
    batch: int
    device: torch.device
    classifier: Any
    inception: Any
    cache: Path | None
    original_features: dict[str, Tensor] = field(default_factory=dict)

    def originals(self) -> Iterator[Tensor]:
        for pixels in self.pixels.split(self.batch):
            yield to_float(pixels.to(self.device))

    @torch.no_grad()
    def score(self, method: str, seed: int) -> dict[str, Any]:
        extractors = {"frechet": getattr(self.classifier, "features", None), "fid": self.inception}
        features: dict[str, list[Tensor]] = {key: [] for key, extract in extractors.items() if extract is not None}
        scores, measured, read, start = metrics.Scores(), [], [], 0
        for x0 in self.originals():
            end = start + len(x0)
            with true_float32():
                x_T = measure(self.drawn[start:end](x0, self.drawn.T), self.measurement_precision)
                restored = METHODS[method](self.restore, self.drawn[start:end], x_T).clamp(-1, 1)
            if not torch.isfinite(restored).all():
                raise ValueError(f"{method} gave values that are not finite: the weights are damaged, or training diverged")
            scores.update(restored, x0)
            measured.append(metrics.squared_errors(x_T, x0))
            if self.classifier is not None:
                read.append(self.classifier(restored).argmax(1).cpu() == self.labels[start:end])
            for key, batches in features.items():
                batches.append(extractors[key](restored).cpu())
            start = end
        low, high = metrics.bootstrap(scores.squared_errors, seed)
        cell: dict[str, Any] = {
            "rmse": scores.rmse, "rmse_interval": [low ** 0.5, high ** 0.5],
            "ssim": scores.ssim, "ssim_interval": list(metrics.bootstrap(scores.similarities, seed)),
            "gain": torch.cat(measured).mean().sqrt().item() / scores.rmse if scores.rmse else None}
        if method != "degraded" and cell["gain"]:
            contributions = metrics.gain_contributions(torch.cat(measured), scores.squared_errors)
            cell["gain_interval"] = list(metrics.bootstrap(contributions, seed))
        if read:
            correct = torch.cat(read).double()
            cell |= {"class_accuracy": correct.mean().item(), "class_accuracy_interval": list(metrics.bootstrap(correct, seed))}
        for key, batches in features.items():
            if key not in self.original_features:
                cache = self.cache if key == "fid" else None
                self.original_features[key] = metrics.features_of(extractors[key], self.originals(), cache)
            contributions = metrics.frechet_contributions(self.original_features[key], torch.cat(batches))
            cell |= {key: contributions.mean().item(), f"{key}_interval": list(metrics.bootstrap(contributions, seed))}
        return cell | ({"resize": self.inception.resize} if self.inception else {})


def _variant(options: Mapping[str, Any]) -> str:
    """T, and the options that are not the paper's."""
    defaults = make(options["task"], options["dataset"], size=options["size"]).options if options["task"] in MAKERS else {}
    others = [f"{key} {value}" for key, value in options.items() if key != "T" and defaults.get(key, value) != value]
    return ", ".join([f"T = {options['T']}", *others])


def _read(folder: str | Path) -> list[dict[str, Any]]:
    """The cells recorded in a folder; none where nothing was recorded yet."""
    path = Path(folder, "metrics.json")
    try:
        cells = json.loads(path.read_text(), object_hook=current_names)["cells"]
        if not all(isinstance(cell[name], kind) for cell in cells for name, kind in CELL.items()):
            raise ValueError("another kind of record")
        return cells
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: remove it, and score again") from error


def _recorded(folder: str | Path, provenance: dict[str, Any]) -> dict[str, Any] | None:
    """The recorded cell of this provenance. It may hold more than is asked for: FID, or a classifier's scores."""
    asked = {key: value for key, value in _nameless(provenance).items() if value is not None}
    for cell in _read(folder):
        known = _nameless(cell["provenance"])
        if known | asked == known:
            return cell
    return None


def _nameless(provenance: dict[str, Any]) -> dict[str, Any]:
    """A provenance without the names of folders of the reader's own: their checksum says what they are."""
    def without_names(part: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in part.items() if not str(value).startswith(PREFIX)}
    return json.loads(json.dumps(provenance), object_hook=without_names)


def _record(folder: str | Path, cell: dict[str, Any]) -> None:
    """Add the cell, in the place of an older one of the same method, precision of x_T, degradation, images and n; one of the same weights
    whose FID comes from another Inception, in bfloat16 say, stays beside it."""
    def place(cell: dict[str, Any]) -> list:
        return [cell[key] for key in ("method", "measurement_precision", "data", "split", "n")] + [cell["provenance"].get("degradation")]

    def replaced(other: dict[str, Any]) -> bool:
        inception = other["provenance"].get("inception")
        same_weights = other["provenance"] == cell["provenance"] | {"inception": inception}
        return place(other) == place(cell) and not (same_weights and inception not in (None, cell["provenance"].get("inception")))

    path = Path(folder, "metrics.json")
    with files.held(path.with_name("metrics.lock"), wait=2 * files.STALE):  # nobody holds it for more than a moment
        files.remove_temporary(path.parent, path.name)
        others = [other for other in _read(folder) if not replaced(other)]
        text = json.dumps({"cells": [*others, cell]}, indent=1, allow_nan=False) + "\n"
        files.replace(path, lambda file: file.write(text.encode()))


def fid_protocol(cell: Mapping[str, Any]) -> str | None:
    """How images came to Inception's size, whether rounded to 8 bits first, its precision if not float32; None without FID."""
    name = str(cell["provenance"].get("inception"))
    rounded = "rounded to 8 bits" if name.startswith("inception-2015") and "unrounded" not in name else None
    return ", ".join(filter(None, (cell.get("resize"), rounded, "bfloat16" if name.endswith("bfloat16") else None))) or None


def table(sources: Iterable[str | Path | Mapping]) -> Any:
    """pandas.DataFrame with a row a cell, of run folders that hold a metrics.json or of what `evaluate` returned.

    Columns: task, data (the split too unless it is test), variant, method, measurement_precision, RMSE, SSIM, FID (a number, or a text that
    begins with "not run"), gain, n; and resize, class_accuracy and Frechet where some cell has them.
    """
    import pandas

    rows = []
    for source in [sources] if isinstance(sources, str | Path | Mapping) else sources:
        if not (cells := source["cells"] if isinstance(source, Mapping) else _read(source)):
            raise FileNotFoundError(f"{source} has no metrics.json with scores: score a model into this folder first")
        for cell in cells:
            data = cell["data"] if cell["split"] == "test" else f"{cell['data']} {cell['split']}"
            rows.append({"task": cell["task"], "data": data, "variant": cell["variant"], "method": cell["method"],
                         "measurement_precision": cell["measurement_precision"], "RMSE": cell["rmse"], "SSIM": cell["ssim"], "FID": cell["fid"],
                         "resize": fid_protocol(cell), "class_accuracy": cell.get("class_accuracy"), "Frechet": cell.get("frechet"),
                         "gain": cell["gain"], "n": cell["n"]})
    frame = pandas.DataFrame(rows)
    return frame.drop(columns=[name for name in ("resize", "class_accuracy", "Frechet") if name in frame and frame[name].isna().all()])


def markdown(frame: Any) -> str:
    """A table as Markdown. Bold: the best of each metric among the methods that share task, data, variant, measurement_precision and n."""
    shown = frame.astype(object).where(frame.notna(), "")
    for name, (best, decimals) in METRICS.items():
        for _, group in frame.groupby(["task", "data", "variant", "measurement_precision", "n"], sort=False) if name in frame else ():
            numbers = {row: value for row, value in group[name].items() if isinstance(value, float) and math.isfinite(value)}
            for row, value in numbers.items():
                bold = "**" if len(numbers) > 1 and value == best(numbers.values()) else ""
                shown.loc[row, name] = f"{bold}{value:.{decimals}f}{bold}"
    reasons = dict.fromkeys(value for value in frame["FID"] if isinstance(value, str))
    shown["FID"] = shown["FID"].replace(list(reasons), "not run")
    return "\n\n".join([shown.to_markdown(index=False, disable_numparse=True), *(f"FID {reason}." for reason in reasons)])


def degraded_rows(root: str | Path = "data", names: Sequence[str] = ("mnist", "cifar10"), log: Callable[[str], object] = print) -> Any:
    """D(x0, T) of the full test splits, scored, as a `table`."""
    cells = []
    for name in names:
        images = load(name, "test", root)
        rows: list[tuple[str, dict]] = [("deblur", {}), ("superres", {}), ("superres", {"pooling": "bicubic"}), ("inpaint", {})]
        if channels(name) == 1:
            rows.insert(1, ("deblur", {"T": 20}))
        for task, options in rows:
            cells += evaluate(None, make(task, name, **options), images, methods=("degraded",), log=log)["cells"]
    return table([{"cells": cells}])

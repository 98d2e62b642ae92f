"""Reads results/: every scored row, the paper's table, and the models that are shipped."""
from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from colddiff_nb.metrics.evaluation import fid_protocol
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.training import Recipe
from colddiff_nb.weights.pretrained import SHIPPED

PAIRS = {"deblur-mnist": "Deblurring, MNIST", "deblur-cifar10": "Deblurring, CIFAR-10",
         "superres-mnist": "Super-resolution, MNIST", "superres-cifar10": "Super-resolution, CIFAR-10",
         "inpaint-mnist": "Inpainting, MNIST", "inpaint-cifar10": "Inpainting, CIFAR-10"}
METHODS = {"degraded": "degraded", "lmmse": "LMMSE", "direct": "direct",
           "algorithm1": "Algorithm 1", "algorithm2": "Algorithm 2"}
FULL = 10_000  # images of the test split of MNIST and of CIFAR-10


@dataclass(frozen=True)
class Row:
    """One scored cell: a method, from a measurement, on some images."""

    pair: str
    folder: str  # results/<folder> the cell was read from
    cell: dict[str, Any]

    @property
    def key(self) -> tuple[str, ...]:
        return self.cell["variant"], self.cell["method"], self.cell["measurement_precision"]

    @property
    def full(self) -> bool:
        return self.cell["split"] == "test" and self.cell["n"] == FULL

    @property
    def images(self) -> str:
        return f"{self.cell['split']}, {self.cell['n']:,}"

    @property
    def worth(self) -> tuple[bool, bool, int]:
        """Larger for images nearer to the paper's: the full test split, then a part of it, then others."""
        return self.full, self.cell["split"] == "test", self.cell["n"]

    @property
    def fid_rounded(self) -> bool:
        """Whether images were rounded to 8 bits before Inception."""
        return "rounded" in str(fid_protocol(self.cell))

    @property
    def fid_in_bfloat16(self) -> bool:
        return "bfloat16" in str(fid_protocol(self.cell))

    @property
    def fid_rank(self) -> tuple[bool, bool, bool]:
        """Larger for an FID taken more as the paper's: of images as they are, by Inception in float32."""
        return self.number("fid") is not None, not self.fid_rounded, not self.fid_in_bfloat16

    def number(self, metric: str) -> float | None:
        value = self.cell.get(metric)
        return value if isinstance(value, int | float) else None

    def half_interval(self, metric: str) -> float:
        """Half the width of the metric's interval; 0 without one."""
        low, high = self.cell.get(f"{metric}_interval", (0, 0))
        return (high - low) / 2


@dataclass(frozen=True)
class Published:
    """All that lies in a results folder."""

    folder: Path

    def read(self, name: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text()) if path.is_file() else None

    def cells(self, name: str) -> list[dict[str, Any]]:
        """The scored cells of a file; none where it is not there."""
        return (self.read(name) or {"cells": []})["cells"]

    def csv(self, name: str) -> list[dict[str, str]]:
        path = self.folder / f"{name}.csv"
        return list(csv.DictReader(path.open())) if path.is_file() else []

    @cached_property
    def paper(self) -> dict[str, Any]:
        return self.read("paper.json")

    @cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        """Metadata of the shipped weights by name, their `parameters`, and that of the `earlier` stages."""
        found = {}
        for name in (f"{pair}{suffix}" for pair in PAIRS for suffix in ("", "-8bit")):
            path = SHIPPED / f"{name}.safetensors"
            if not path.is_file():
                continue
            weights, metadata = load_weights(path)
            earlier = (self.read(f"earlier/{name}.json") or {"stages": []})["stages"]
            for stage in (*earlier, metadata):  # a setting younger than the training had its default
                stage["recipe"] = asdict(Recipe()) | stage["recipe"]
            trained = (tensor.numel()
                       for key, tensor in weights.items() if not key.startswith("precondition."))
            found[name] = metadata | {"parameters": sum(trained), "earlier": earlier}
        return found

    @cached_property
    def rows(self) -> list[Row]:
        """Rows of the six pairs. Of a row scored twice that with the FID most like the paper's is kept."""
        kept: dict[Any, Row] = {}
        for row in self.every_row:
            source = "" if row.cell["method"] == "degraded" else row.folder
            place = row.pair, row.key, row.cell["split"], row.cell["n"], source
            if place not in kept or row.fid_rank > kept[place].fid_rank:
                kept[place] = row
        return list(kept.values())

    @cached_property
    def every_row(self) -> list[Row]:
        """Every cell of the six pairs."""
        rows = list(self.read_rows())
        return [self.with_rounded_fid(row, rows) for row in rows]

    def read_rows(self) -> Iterator[Row]:
        for path in sorted((self.folder / "baselines").glob("*.json")):
            for cell in self.cells(f"baselines/{path.name}"):
                yield Row(f"{cell['task']}-{cell['data']}", "baselines", self.comparable(cell))
        for pair in PAIRS:
            for name in (pair, f"{pair}-8bit"):
                for cell in self.cells(f"{name}/metrics.json"):
                    yield Row(pair, name, self.comparable(cell))

    def with_rounded_fid(self, row: Row, rows: list[Row]) -> Row:
        """Give degraded images from 8 bits the FID of those that Inception saw rounded: it is the same."""
        if row.key[1:] != ("degraded", "8bit") or row.number("fid") is not None:
            return row
        wanted = row.pair, row.images, (row.key[0], "degraded", "float32"), True
        same = [other for other in rows if other.number("fid") is not None
                and (other.pair, other.images, other.key, other.fid_rounded) == wanted]
        if not same:
            return row
        cell = max(same, key=lambda other: other.fid_rank).cell
        shared: dict[str, Any] = {key: cell[key] for key in ("fid", "fid_interval", "resize") if key in cell}
        shared["provenance"] = row.cell["provenance"] | {"inception": cell["provenance"]["inception"]}
        return replace(row, cell=row.cell | shared)

    def comparable(self, cell: dict[str, Any]) -> dict[str, Any]:
        """The cell, without the scores of a classifier other than the shipped one."""
        shipped = self.read(f"classifier-{cell['data']}/record.json")
        if shipped is None or cell["provenance"].get("classifier") in (None, shipped["name"]):
            return cell
        return {key: value
                for key, value in cell.items() if not key.startswith(("class_accuracy", "frechet"))}

    @cached_property
    def quick(self) -> list[Row]:
        return [Row(path.parent.name.removeprefix("quick-"), path.parent.name, cell)
                for path in sorted(self.folder.glob("quick-*/metrics.json"))
                for cell in self.cells(f"{path.parent.name}/metrics.json")]

    def best(self, pair: str, method: str, precision: str = "float32", variant: str | None = None,
             metric: str = "rmse") -> Row | None:
        """The row on the images nearest to the paper's; from 8 bits of the model made for them."""
        key = variant or self.paper["pairs"][pair]["variant"], method, precision
        rows = [row for row in self.rows
                if (row.pair, row.key) == (pair, key) and row.number(metric) is not None]
        if precision == "float32":
            rows = [row for row in rows if not row.folder.endswith("-8bit")]
        return max(rows, key=lambda row: (row.worth, row.folder.endswith("-8bit")), default=None)

    def together(self, pair: str, variant: str, methods: tuple[str, ...], metric: str) -> dict[str, Row]:
        """float32 rows of the methods on the same images, FID by the same Inception."""
        sets: dict[Any, dict[str, Row]] = {}
        for row in self.every_row:
            method, wanted = row.key[1], (pair, variant, "float32")
            if (row.folder, row.key[0], row.key[2]) == wanted and row.number(metric) is not None:
                rank = row.fid_rank if metric == "fid" else None
                sets.setdefault((row.images, rank), {})[method] = row
        full = [found for found in sets.values() if set(methods) <= set(found)]
        first = methods[0]
        return max(full, key=lambda found: (found[first].worth, found[first].fid_rank), default={})

    def variants(self, pair: str) -> list[str]:
        """The paper's variant first."""
        first = self.paper["pairs"][pair]["variant"]
        return [first, *sorted({row.key[0] for row in self.rows if row.pair == pair} - {first})]

    def images_since(self, name: str, curve: dict[str, Any]) -> int:
        """Images that a shipped model has seen beyond the last point of a curve of its training."""
        return self.models[name]["images_seen"] - curve["rows"][-1]["images"] if name in self.models else 0

    def share(self, name: str) -> str:
        """Images that a model has seen, of the paper's."""
        if name not in self.models:
            return "–"
        return f"{self.models[name]['images_seen'] / self.paper['images_seen']:.2%}"

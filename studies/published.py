"""Reads results/: every scored row, the paper's table, and the models that are shipped."""
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
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
NAMES = [f"{pair}{suffix}" for pair in PAIRS for suffix in ("", "-8bit")]  # of the models made for RMSE
REALISM = "-realism"  # ends the name of a model made for realism
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
    def fid_rounded(self) -> bool:
        """Whether images were rounded to 8 bits before Inception."""
        return "rounded" in str(fid_protocol(self.cell))

    @property
    def fid_in_bfloat16(self) -> bool:
        return "bfloat16" in str(fid_protocol(self.cell))

    @property
    def rank(self) -> tuple[float, ...]:
        """Larger for what is nearer to the paper's: the images first, then how FID was taken."""
        images = self.full, self.cell["split"] == "test", self.cell["n"]
        fid = self.number("fid") is not None, not self.fid_rounded, not self.fid_in_bfloat16
        return *images, self.folder.endswith("-8bit"), *fid

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
        """A record. Raises FileNotFoundError where it is not there."""
        return json.loads((self.folder / name).read_text())

    def recorded(self, name: str, rows: str = "rows") -> list[dict[str, Any]]:
        """The rows of a record; none where it is not there."""
        return self.read(name)[rows] if (self.folder / name).is_file() else []

    def cells(self, name: str) -> list[dict[str, Any]]:
        """The scored cells of a file; none where it is not there."""
        return self.recorded(name, "cells")

    def csv(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((self.folder / f"{name}.csv").open()))

    @cached_property
    def paper(self) -> dict[str, Any]:
        return self.read("paper.json")

    @cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        """Metadata of the shipped weights by name, their `parameters`, and that of all their `stages`."""
        return {name: self.model(name) for name in NAMES if (SHIPPED / f"{name}.safetensors").is_file()}

    @cached_property
    def sharper(self) -> dict[str, dict[str, Any]]:
        """The same of the models made for realism."""
        return {name: self.model(name) for pair in PAIRS
                if (SHIPPED / f"{(name := pair + REALISM)}.safetensors").is_file()}

    def model(self, name: str) -> dict[str, Any]:
        weights, metadata = load_weights(SHIPPED / f"{name}.safetensors")
        metadata["recipe"] = Recipe.from_dict(metadata["recipe"])
        stages = self.recorded(f"earlier/{name}.json", "stages")
        for stage in stages:
            stage["recipe"] = Recipe.from_dict(stage["recipe"])
        if name.endswith(REALISM):
            stages = self.models[name.removesuffix(REALISM)]["stages"]
        trained = (tensor.numel() for key, tensor in weights.items() if not key.startswith("precondition."))
        return metadata | {"parameters": sum(trained), "stages": [*stages, metadata]}

    @cached_property
    def rows(self) -> list[Row]:
        """Every cell of the six pairs."""
        rows = list(self.read_rows())
        for row in rows:
            if row.key[1:] == ("degraded", "8bit") and row.number("fid") is None:
                take_fid_of_rounded(row, rows)
        return rows

    def read_rows(self) -> Iterator[Row]:
        for path in sorted((self.folder / "baselines").glob("*.json")):
            for cell in self.cells(f"baselines/{path.name}"):
                yield Row(f"{cell['task']}-{cell['data']}", "baselines", cell)
        for name in NAMES:
            for cell in self.cells(f"{name}/metrics.json"):
                yield Row(name.removesuffix("-8bit"), name, cell)

    def best(self, pair: str, method: str, precision: str = "float32", variant: str | None = None,
             metric: str = "rmse") -> Row | None:
        """The row on the images nearest to the paper's; from 8 bits of the model made for them."""
        key = variant or self.paper["pairs"][pair]["variant"], method, precision
        rows = [row for row in self.rows
                if (row.pair, row.key) == (pair, key) and row.number(metric) is not None]
        if precision == "float32":
            rows = [row for row in rows if not row.folder.endswith("-8bit")]
        return max(rows, key=lambda row: row.rank, default=None)

    def variants(self, pair: str) -> list[str]:
        """The paper's variant first."""
        first = self.paper["pairs"][pair]["variant"]
        return [first, *sorted({row.key[0] for row in self.rows if row.pair == pair} - {first})]

    def share(self, name: str) -> str:
        """Images that a model has seen, of the paper's."""
        model = (self.models | self.sharper).get(name)
        return f"{model['images_seen'] / self.paper['images_seen']:.2%}" if model else "–"


def take_fid_of_rounded(row: Row, rows: list[Row]) -> None:
    """Give degraded images from 8 bits the FID of those that Inception saw rounded: it is the same."""
    wanted = row.pair, row.images, (row.key[0], "degraded", "float32"), True
    same = [other for other in rows if other.number("fid") is not None
            and (other.pair, other.images, other.key, other.fid_rounded) == wanted]
    if same:
        cell = max(same, key=lambda other: other.rank).cell
        row.cell.update({key: cell[key] for key in ("fid", "fid_interval", "resize") if key in cell})
        row.cell["provenance"]["inception"] = cell["provenance"]["inception"]

"""Reads results/: every scored row, the paper's table, and the models that are shipped."""
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from colddiff_nb.metrics.records import fid_protocol
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.training import Recipe
from colddiff_nb.weights import shipped_models
from colddiff_nb.weights.pretrained import weights_file

PAIRS = {"deblur-mnist": "Deblurring, MNIST", "deblur-cifar10": "Deblurring, CIFAR-10",
         "superres-mnist": "Super-resolution, MNIST", "superres-cifar10": "Super-resolution, CIFAR-10",
         "inpaint-mnist": "Inpainting, MNIST", "inpaint-cifar10": "Inpainting, CIFAR-10"}
REALISM = "-realism"  # ends the name of a model made for realism
METHODS = {"degraded": "degraded", "lmmse": "LMMSE", "direct": "direct",
           "algorithm1": "Algorithm 1", "two-calls": "Algorithm 2, two calls", "algorithm2": "Algorithm 2"}
BOTH = ("direct", "algorithm2")  # what the paper prints of restorations
OURS = ("direct", "two-calls", "algorithm2")  # what is scored of the models made for realism
KINDS = {"baselines": "RMSE", "earlier": "earlier", "samplers": "samplers"}  # of rows, by their folder
SIGNS = {"rmse": -1, "ssim": 1, "fid": -1}  # of the paper's scores; +1: more is better
METRICS = {"rmse": ("RMSE", 4), "ssim": ("SSIM", 4), "fid": ("FID", 2),  # name and digits
           "class_accuracy": ("class accuracy", 3), "frechet": ("Frechet", 1), "gain": ("gain", 3)}
Fields = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """All that lies in a results folder."""

    folder: Path

    def read(self, name: str) -> Any:
        """A record. Raises FileNotFoundError where it is not there."""
        return json.loads((self.folder / name).read_text())

    @cached_property
    def paper(self) -> Fields:
        return self.read("paper.json")

    def printed(self, pair: str, method: str) -> Fields:
        """The paper's scores of degraded images, of direct reconstruction or of Algorithm 2."""
        return self.paper["pairs"][pair][{"algorithm2": "sampled"}.get(method, method)]

    @cached_property
    def models(self) -> dict[str, Fields]:
        """Metadata of the shipped weights by name, their `parameters`, and that of all their `stages`.

        `goes_on`: its first stages are all those of the model made for RMSE.
        """
        return {name: self.model(name) for pair in PAIRS for name in (pair, f"{pair}-8bit")
                if name in shipped_models()}

    @cached_property
    def sharper(self) -> dict[str, Fields]:
        """The same of the models made for realism; some go on from those made for RMSE."""
        return {name: self.model(name, self.models[pair]["stages"]) for pair in PAIRS
                if (name := f"{pair}{REALISM}") in shipped_models()}

    def model(self, name: str, begun: Sequence[Fields] = ()) -> Fields:
        weights, metadata = load_weights(weights_file(name))
        trained = (tensor.numel() for key, tensor in weights.items() if not key.startswith("precondition."))
        earlier = f"earlier/{name}.json"
        stages = self.read(earlier)["stages"] if (self.folder / earlier).is_file() else []
        own = [*stages, metadata]
        for stage in own:
            stage["recipe"] = Recipe.from_dict(stage["recipe"])
        # By images, since a stage may begin with a shortened copy, which has a checksum of its own.
        before = own[0]["init"]["images_seen"] if own[0]["init"] else 0
        first = [stage for stage in begun if stage["images_seen"] <= before]
        return metadata | {"parameters": sum(trained), "stages": [*first, *own],
                           "goes_on": bool(first) and len(first) == len(begun)}

    def share(self, name: str) -> str:
        """Images that a model has seen, of the paper's."""
        model = (self.models | self.sharper).get(name)
        return f"{model['images_seen'] / self.paper['images_seen']:.2%}" if model else "–"

    @cached_property
    def rows(self) -> list[Fields]:
        """Every scored cell, without the scores that were not taken.

        Its `kind` says what model it is of: RMSE (made for RMSE, or none), realism, earlier, samplers.
        """
        rows = []
        for path in sorted(self.folder.rglob("*.json")):
            folder = path.relative_to(self.folder).with_suffix("").as_posix().removesuffix("/metrics")
            made_for = "realism" if folder.endswith(REALISM) else "RMSE"
            for cell in json.loads(path.read_text()).get("cells", []):
                scored = {key: value for key, value in cell.items()
                          if key not in METRICS or isinstance(value, float)}
                rows.append(scored | {
                    "pair": f"{cell['task']}-{cell['data']}", "folder": folder,
                    "kind": KINDS.get(folder.split("/")[0], made_for),
                    "images": f"{cell['split']}, {cell['n']:,}", "protocol": fid_protocol(cell) or ""})
        return rows

    def find(self, **wanted: Any) -> list[Fields]:
        """The rows with these fields."""
        return [row for row in self.rows if wanted.items() <= row.items()]

    def best(self, pair: str, method: str, precision: str = "float32", variant: str | None = None,
             metric: str = "rmse", kind: str = "RMSE") -> Fields | None:
        """The row on the images nearest to the paper's; from 8 bits of the model made for them."""
        found = self.find(pair=pair, method=method, measurement_precision=precision, kind=kind,
                          variant=variant or self.paper["pairs"][pair]["variant"])
        return max((row for row in found if metric in row), key=nearness, default=None)

    def cases(self) -> list[tuple[str, str, str]]:
        """(pair, variant, title), the paper's variant first; titles name the variant where there are more."""
        found = []
        for pair, title in PAIRS.items():
            first = self.paper["pairs"][pair]["variant"]
            others = sorted({row["variant"] for row in self.find(pair=pair, kind="RMSE")} - {first})
            found += [(pair, variant, f"{title}, {variant}" if others else title)
                      for variant in (first, *others)]
        return found


def papers_precision(pair: str) -> str:
    """The precision that the paper's code measures x_T in: masks in 8 bits."""
    return "8bit" if pair.startswith("inpaint") else "float32"


def nearness(row: Fields) -> tuple[Any, ...]:
    """Larger for what is nearer to the paper's: the images first, then how FID was taken."""
    return (row["split"] == "test", row["n"], row["folder"].endswith("-8bit"), "fid" in row,
            "rounded" not in row["protocol"], "bfloat16" not in row["protocol"])


def full(row: Fields) -> bool:
    """Whether it was scored on the whole test split of MNIST or CIFAR-10."""
    return row["images"] == "test, 10,000"


def half(row: Fields, metric: str) -> float:
    """Half the width of the metric's interval; 0 without one."""
    low, high = row.get(f"{metric}_interval", (0, 0))
    return (high - low) / 2

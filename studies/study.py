"""What all studies share: their options, and a file in results/ that holds their rows."""
import importlib
import itertools
import json
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

import studies
from colddiff_nb import evaluate, load, make, to_float
from colddiff_nb.data import Images
from colddiff_nb.degradations import Degradation, DrawnDegradation
from colddiff_nb.metrics import Inception
from colddiff_nb.metrics.evaluation import Judges, Model
from colddiff_nb.storage import files, runtime
from colddiff_nb.weights import load_model, shipped_classifier
from studies.published import Fields

RESULTS = Path(__file__).resolve().parents[1] / "results"
DATASETS = ("mnist", "cifar10")
STUDIES: dict[str, type["Study"]] = {}  # by the name of their file


def each(**choices: Iterable[Any]) -> list[Fields]:
    """A case for every combination of the choices, the last one changing fastest."""
    return [dict(zip(choices, values)) for values in itertools.product(*choices.values())]


@dataclass
class Study:
    """A measurement. The fields are its options on the command line."""

    data: Path = Path("data")  # folder that holds MNIST and CIFAR-10
    runs: Path = Path("runs")  # folder for trainings and cached features
    results: Path = RESULTS  # folder to write to

    file: ClassVar[str] = ""  # in `results`; may name options and fields of a case, such as {dataset}
    rows: ClassVar[str] = "rows"  # their name in the file

    def __init_subclass__(cls) -> None:
        STUDIES[cls.__module__.rpartition(".")[2]] = cls

    def cases(self) -> Iterable[Fields]:
        """Name what is measured, each by the fields that tell its rows from others."""
        raise NotImplementedError

    def measure(self, *_: Any, **case: Any) -> Iterator[Fields]:
        """Yield what the rows of a case hold beside its fields."""
        raise NotImplementedError

    def header(self) -> Fields:
        """What all rows of a file share."""
        return {}

    def recorded(self, row: Fields, case: Fields) -> bool:
        return case.items() <= row.items()

    def finish(self, rows: list[Fields]) -> None:
        """Draw a picture of all rows."""

    def run(self) -> None:
        """Measure every case that is not recorded, and write the file after each."""
        rows: list[Fields] = []
        for case in self.cases():
            path = self.path(**case)
            record = self.read(path)
            rows = record[self.rows]
            if any(self.recorded(row, case) for row in rows):
                print(f"recorded in {path}: {brief(case)}", flush=True)
                continue
            new = json.loads(json.dumps([case | row for row in self.measure(**case)]))
            rows = rows + new
            write(path, record | {self.rows: rows, "torch": torch.__version__})
            print(*map(brief, new), sep="\n", flush=True)
        self.finish(rows)

    def path(self, **case: Any) -> Path:
        return self.results / self.file.format(**vars(self) | case)

    def read(self, path: Path) -> Fields:
        """The record in a file. Raises ValueError where it was measured otherwise than is asked for now."""
        header = json.loads(json.dumps(self.header()))
        record = json.loads(path.read_text()) if path.is_file() else header | {self.rows: []}
        for name, value in header.items():
            if record.get(name) != value:
                raise ValueError(f"{path} has {name} = {record.get(name)}, not {value}: "
                                 "write to another folder with --results, or remove the file")
        return record

    def spread(self, dataset: str, split: str, n: int) -> Tensor:
        """n images in [-1, 1], spread over a split."""
        images = load(dataset, split, self.data)
        return to_float(images.pixels[images.spread(n)])

    def score(self, model: str | Path | Model, images: Images, folder: Path | None = None,
              T: int | None = None, fid: str | None = None, rounded: bool = False,
              **options: Any) -> list[Fields]:
        """Give the cells of a model, or of a weights file, recorded in the folder.

        T: start from here, by default the model's own. fid: Inception's precision. Others: of `evaluate`.
        """
        restore, degrade, metadata = model if isinstance(model, tuple) else load_model(model)
        if isinstance(restore, nn.Module):
            restore = restore.to(runtime.device())
        degrade = make(**degrade.options | {"T": T or degrade.T}).to(runtime.device())
        judges = Judges(shipped_classifier(images.name).to(runtime.device()),
                        inception(fid, rounded) if fid else None, self.runs / "features")
        return evaluate((restore, degrade, metadata), images, folder, judges=judges, **options)["cells"]


@cache
def inception(precision: str, rounded: bool = False) -> Inception:
    return Inception(device=runtime.device(), dtype=getattr(torch, precision), rounded=rounded)


def brief(row: Fields) -> str:
    """The names and numbers of a row in one line."""
    shown = ((name, f"{value:.4g}" if isinstance(value, float) else value) for name, value in row.items())
    return ", ".join(f"{name} {value}" for name, value in shown if isinstance(value, str | int))


def write(path: Path, record: Fields) -> None:
    """Replace a JSON file by a record, or leave it as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    files.replace(path, text.encode())


def fixed(degrade: Degradation, n: int) -> DrawnDegradation:
    """The draw that all studies use."""
    return degrade.draw(n, torch.Generator().manual_seed(0))


def severities(task: str, dataset: str) -> tuple[int, ...]:
    """Where the tables start from: for blurred digits 40, as in the paper's text, and 20."""
    return (20, 40) if (task, dataset) == ("deblur", "mnist") else (make(task, dataset).T,)


def in_one_row(cells: list[Fields], *metrics: str) -> Fields:
    """The scores of several methods: {"rmse_direct": ...}."""
    return {f"{metric}_{cell['method']}": cell[metric] for metric in metrics for cell in cells
            if isinstance(cell.get(metric), float)}


def all_studies() -> dict[str, type[Study]]:
    for module in pkgutil.iter_modules(studies.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"studies.{module.name}")
    return dict(sorted(STUDIES.items()))

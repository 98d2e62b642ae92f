"""Train a shipped model further, for RMSE or for realism, and score it at points a doubling apart.

The end scores the whole test split, FID included. What was found is in RUNS/longer/NAME.json, the weights
beside.
"""
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from colddiff_nb import load, recipe
from colddiff_nb.metrics.evaluation import Judges
from colddiff_nb.storage import runtime
from colddiff_nb.storage.checkpoint import export_weights, load_weights
from colddiff_nb.training import Recipe
from colddiff_nb.weights import shipped_classifier
from colddiff_nb.weights.pretrained import pretrained_file
from studies.models import inception
from studies.published import METHODS, PAIRS, REALISM, Published, Row
from studies.realism import scorer, train_for
from studies.study import Study, score, severities, write
from studies.tables import FROM, number, section, table

POINTS = (2, 4, 8, 16, 32, 64)  # 64ths of the training that are scored
SHOWN = {"rmse": 4, "ssim": 4, "fid": 2, "frechet": 1, "class_accuracy": 3}  # digits


@dataclass
class RealismLonger(Study):
    task: str = "superres"
    dataset: str = "mnist"
    seconds: float = 200  # of training
    n: int = 2_000  # validation images scored
    measurement_precision: str = "float32"  # of the validation images
    realism: float = 0.0
    penalty: float = 1.0  # of the critic's slope
    batch: int = 256
    rate: float = 1e-3  # of learning
    network: Literal["small", "paper"] = "small"
    T: int | None = None  # the largest severity trained on, at most that of the shipped weights
    widths: tuple[int, int, int] | None = None  # by default, go on from the shipped weights
    init: Path | None = None  # or from these

    def run(self) -> None:
        asked, runs = asdict(self), self.runs / "longer"
        name = (f"{self.task}-{self.dataset}, T {self.T or 'all'}, {self.network}, realism {self.realism:g}, "
                f"penalty {self.penalty:g}, widths {self.widths or 'as shipped'}")
        options: dict[str, Any] = {"measurement_precision": "both"} if self.task != "deblur" else {}
        options |= {"widths": self.widths} if self.widths else {}
        if self.network == "paper":
            options |= {"network": "paper", "data_consistency": "state", "precision": "bf16"}
        choice = recipe("small", self.task, self.dataset, T=self.T, realism=self.realism, batch=self.batch,
                        critic_penalty=self.penalty, learning_rate=self.rate, **options)
        fresh = self.network == "paper" or self.widths
        init = None if fresh else self.init or shipped_for(choice, runs / "init" / f"{name}.safetensors")
        images, validation, test = (load(self.dataset, split, self.data)
                                    for split in ("train", "validation", "test"))
        scores = scorer(choice, validation, runs, self.n, self.measurement_precision)
        found = train_for(self.seconds, choice, runs / name, scores, POINTS, images=images, init=init)
        places = "data", "runs", "results", "again", "init"
        changes = {key: asked[key] for key in asked if key not in places}
        kept = {key: asked[key] for key in ("task", "dataset", "measurement_precision", "n")}
        write(runs / f"{name}.json", kept | {"changes": changes} | found)

        # Both of the paper's methods on the whole test split, into metrics.json beside the weights.
        judges = Judges(shipped_classifier(self.dataset).to(runtime.device()), inception("float32"),
                        self.runs / "features")
        for T in (self.T,) if self.T else severities(self.task, self.dataset):
            for precision in ("float32",) if self.task == "deblur" else ("8bit", "float32"):
                score(runs / name / "weights.safetensors", test, runs / name, T, judges=judges, batch=500,
                      methods=("direct", "algorithm2"), measurement_precision=precision)


def shipped_for(choice: Recipe, path: Path) -> Path:
    """The shipped weights of a recipe's pair, or a copy of them for severities up to its T."""
    shipped = pretrained_file(choice.task, choice.dataset)
    weights, metadata = load_weights(shipped)
    gain, T = weights["precondition.gain"], choice.degradation().T
    if len(gain) == T + 1:
        return shipped
    path.parent.mkdir(parents=True, exist_ok=True)
    export_weights(path, weights | {"precondition.gain": gain[:T + 1]}, metadata,
                   keep=("precondition.",))
    return path


@section
def realism_table(published: Published) -> str:
    """Direct reconstruction and Algorithm 2 by the models of each pair, on the full test split."""
    lines = []
    for name in published.sharper:
        pair = name.removesuffix(REALISM)
        lines += [(f"{PAIRS[pair]}, {variant}", FROM[precision], METHODS[method], model, *shown(row))
                  for variant, precision, method in asked(published, name)
                  for model, row in both(published, pair, variant, precision, method).items()]
    return table("pair | from | method | made for | RMSE | SSIM | FID | Frechet | class accuracy", lines)


def asked(published: Published, name: str) -> list[tuple[str, ...]]:
    """What a model made for realism was scored for."""
    return [(cell["variant"], cell["measurement_precision"], cell["method"])
            for cell in published.cells(f"{name}/metrics.json")]


def both(published: Published, pair: str, variant: str, precision: str, method: str) -> dict[str, Row | None]:
    """A row of each of the two models."""
    sharp = [Row(pair, REALISM, cell) for cell in published.cells(f"{pair}{REALISM}/metrics.json")]
    return {"RMSE": published.best(pair, method, precision, variant, "fid"),
            "realism": next((row for row in sharp if row.key == (variant, method, precision)), None)}


def shown(row: Row | None) -> list[str]:
    return [number(row, metric, digits) for metric, digits in SHOWN.items()]


@section
def realism_finding(published: Published) -> str:
    """FID and RMSE of direct reconstruction by both models, as the paper measures."""
    said = []
    for name in published.sharper:
        pair = name.removesuffix(REALISM)
        printed = published.paper["pairs"][pair]
        variant = printed["variant"]
        papers = "8bit" if pair.startswith("inpaint") else "float32"
        ways = [both(published, pair, variant, precision, "direct") for precision in (papers, "8bit")]
        scored = [way for way in ways if way["realism"] and way["realism"].number("fid") is not None]
        before, after = (shown(row) for row in (scored or ways)[0].values())
        said.append(f"   - {PAIRS[pair]}, {variant}: FID from {before[2]} to {after[2]} (paper "
                    f"{printed['direct']['FID']}), RMSE from {before[0]} to {after[0]}.")
    return "\n".join(said)


@section
def realism_curve(published: Published) -> str:
    """The course of the trainings on validation images."""
    lines, machines = [], set()
    for name in published.sharper:
        if not (published.folder / f"{name}/training.json").is_file():  # it was trained without looking
            continue
        record = published.read(f"{name}/training.json")
        machines.add(f"{record['n']:,} validation images, {record['device']}")
        lines += [(PAIRS[name.removesuffix(REALISM)], f"{row['images']:,.0f}", f"{row['fid_direct']:.1f}",
                   f"{row['frechet_direct']:.1f}", f"{row['rmse_direct']:.4f}", f"{row['ssim_direct']:.3f}",
                   f"{row['sharpness_direct']:.2f}") for row in record["curve"]]
    return (f"{'; '.join(sorted(machines))}; direct.\n\n"
            f"{table('pair | images seen | FID | Frechet | RMSE | SSIM | fine detail', lines)}")


@section
def realism_prediction(published: Published) -> str:
    """When FID of pixelated digits would be the paper's, by a power law through the training's later half."""
    name = f"superres-mnist{REALISM}"
    curve = published.read(f"{name}/training.json")["curve"]
    images, fids = (np.log([row[key] for row in curve[len(curve) // 2:]]) for key in ("images", "fid_direct"))
    slope = np.polyfit(images, fids, 1)[0]
    reached = next(cell["fid"] for cell in published.cells(f"{name}/metrics.json")
                   if (cell["method"], cell["measurement_precision"]) == ("direct", "8bit"))
    wanted = published.paper["pairs"]["superres-mnist"]["direct"]["FID"]
    more = np.exp(images[-1]) * (wanted / reached) ** (1 / slope)
    return (f"A power law through the last {len(fids)} points of the digits lets FID fall by "
            f"{1 - 2 ** slope:.0%} with each doubling of the images. From {reached:.2f}, direct from "
            f"8 bits, the paper's {wanted} would take about {more / 1e6:,.0f} million images beside a "
            "critic, if the law held so far.")

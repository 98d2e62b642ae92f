"""Train a shipped model further, for RMSE or for realism, and score it at points a doubling apart.

The end scores the whole test split, FID included. What was found is in RUNS/longer/NAME.json, the weights
beside.
"""
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from colddiff_nb import load, recipe
from colddiff_nb.metrics.evaluation import Judges
from colddiff_nb.storage import runtime
from colddiff_nb.storage.checkpoint import export_weights, load_weights
from colddiff_nb.training import Recipe
from colddiff_nb.weights import shipped_classifier
from colddiff_nb.weights.pretrained import pretrained_file
from studies.models import inception
from studies.published import METHODS, Published
from studies.realism import scorer, train_for
from studies.study import Fields, Study, score, severities, write
from studies.tables import FROM, MISSING, section, table

POINTS = (2, 4, 8, 16, 32, 64)  # 64ths of the training that are scored
FOLDERS = {"made for RMSE": "superres-mnist", "made for realism": "realism/superres-mnist"}
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
    """Super-resolved digits, the full test split, by both models. Of a row scored twice the last is shown."""
    lines = [(model, FROM[precision], METHODS[method], *last_scores(published, folder, method, precision))
             for precision in FROM for method in ("direct", "algorithm2")
             for model, folder in FOLDERS.items()]
    return table("model | from | method | RMSE | SSIM | FID | Frechet | class accuracy", lines)


@section
def realism_finding(published: Published) -> str:
    """FID and RMSE of direct reconstruction from 8 bits, before and after."""
    before, after = (last_scores(published, folder, "direct", "8bit") for folder in FOLDERS.values())
    paper = published.paper["pairs"]["superres-mnist"]["direct"]["FID"]
    return (f"Its FID from 8 bits went from {before[2]} to {after[2]}, its RMSE from {before[0]} to "
            f"{after[0]}. The paper's FID is {paper}.")


def last_scores(published: Published, folder: str, method: str, precision: str) -> list[str]:
    """Of the last scored cell of the test split."""
    found: Fields = {}
    for cell in published.cells(f"{folder}/metrics.json"):
        if (cell["split"], cell["method"], cell["measurement_precision"]) == ("test", method, precision):
            found = cell
    return [f"{found[key]:.{digits}f}" if isinstance(found.get(key), float) else MISSING
            for key, digits in SHOWN.items()]


@section
def realism_curve(published: Published) -> str:
    """The course of the training on validation digits."""
    record = published.read("realism/superres-mnist.json")
    lines = [(f"{row['images']:,.0f}", f"{row['fid_direct']:.1f}", f"{row['frechet_direct']:.1f}",
              f"{row['rmse_direct']:.4f}", f"{row['sharpness_direct']:.2f}") for row in record["curve"]]
    return (f"{record['n']:,} validation digits, direct, {record['device']}, {record['seconds']:.0f} s with "
            f"scoring.\n\n{table('images seen | FID | Frechet | RMSE | fine detail', lines)}")

"""Train a shipped model further, for RMSE or for realism, and score it at points a doubling apart.

The end scores the whole test split, FID included. What was found is in RUNS/longer/NAME.json, the weights
beside.
"""
from dataclasses import asdict, dataclass
from typing import Any

from colddiff_nb import load, recipe
from colddiff_nb.metrics.evaluation import Judges
from colddiff_nb.storage import runtime
from colddiff_nb.weights import shipped_classifier
from colddiff_nb.weights.pretrained import pretrained_file
from studies.models import inception
from studies.published import METHODS, Published
from studies.realism import on_this_machine, scorer, train_for
from studies.study import Fields, Study, score, severities, write
from studies.tables import FROM, MISSING, section, table

POINTS = (1, 2, 4, 8, 16, 32, 48, 64)  # 64ths of the training that are scored
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
    batch: int = 256
    rate: float = 1e-3  # of learning
    widths: tuple[int, int, int] | None = None  # by default, go on from the shipped weights

    def run(self) -> None:
        asked, runs = asdict(self), self.runs / "longer"
        name = f"{self.task}-{self.dataset}, realism {self.realism:g}, widths {self.widths or 'as shipped'}"
        options: dict[str, Any] = {"measurement_precision": "both"} if self.task != "deblur" else {}
        options |= {"widths": self.widths} if self.widths else {}
        choice = recipe("small", self.task, self.dataset, realism=self.realism, batch=self.batch,
                        learning_rate=self.rate, **options)
        images, validation, test = (load(self.dataset, split, self.data)
                                    for split in ("train", "validation", "test"))
        scores = scorer(choice, validation, runs, self.n, self.measurement_precision)
        found = train_for(self.seconds, choice, runs / name, scores, POINTS, images=images,
                          init=None if self.widths else pretrained_file(self.task, self.dataset))
        changes = {key: asked[key] for key in asked if key not in ("data", "runs", "results", "again")}
        kept = {key: asked[key] for key in ("task", "dataset", "measurement_precision", "n")}
        write(runs / f"{name}.json", kept | {"changes": changes} | found)

        # Both of the paper's methods on the whole test split, into metrics.json beside the weights.
        judges = Judges(shipped_classifier(self.dataset).to(runtime.device()), inception(on_this_machine()))
        for T in severities(self.task, self.dataset):
            for precision in ("float32",) if self.task == "deblur" else ("8bit", "float32"):
                score(runs / name / "weights.safetensors", test, runs / name, T, judges=judges, batch=500,
                      methods=("direct", "algorithm2"), measurement_precision=precision)


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

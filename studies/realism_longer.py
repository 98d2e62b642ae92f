"""Train a shipped model further, for RMSE or for realism, and score it at points a doubling apart.

The end scores the whole test split, FID included. What was found is in RUNS/longer/NAME.json, the weights
beside.
"""
from dataclasses import dataclass
from pathlib import Path

from colddiff_nb import load, recipe
from colddiff_nb.storage.checkpoint import export_weights, load_weights
from colddiff_nb.training import Recipe
from colddiff_nb.weights.pretrained import pretrained_file
from studies.published import BOTH, METHODS, PAIRS, REALISM, Published, papers_precision
from studies.realism import scorer, train_for
from studies.study import Study, severities, write
from studies.tables import FROM, MISSING, numbers, section, table, titled

SHOWN = ("rmse", "ssim", "fid", "frechet", "class_accuracy")
FURTHER = {"RMSE": ("rmse", ".4f"), "SSIM": ("ssim", ".4f"), "FID": ("fid", ".1f")}
WAY = {"FID": ("fid", ".1f"), "Frechet": ("frechet", ".1f"), "RMSE": ("rmse", ".4f"),
       "SSIM": ("ssim", ".3f"), "fine detail": ("sharpness", ".2f")}


@dataclass
class RealismLonger(Study):
    task: str = "superres"
    dataset: str = "mnist"
    seconds: float = 200  # of training
    n: int = 2_000  # validation images scored
    measurement_precision: str = "float32"  # of the validation images
    realism: float = 0.1  # weight of the critic
    batch: int = 256
    learning_rate: float = 5e-4
    T: int | None = None  # the largest severity trained on, at most that of the shipped weights

    def run(self) -> None:
        runs, deblur = self.runs / "longer", self.task == "deblur"
        name = f"{self.task}-{self.dataset}, T {self.T or 'all'}, realism {self.realism:g}"
        made_for = {} if deblur else {"measurement_precision": "both"}
        made = recipe("small", self.task, self.dataset, T=self.T, realism=self.realism, batch=self.batch,
                      learning_rate=self.learning_rate, **made_for)
        images, validation, test = (load(self.dataset, split, self.data)
                                    for split in ("train", "validation", "test"))
        found = train_for(self.seconds, made, runs / name,
                          scorer(made, validation, runs, self.n, self.measurement_precision),
                          images=images, init=shipped_for(made, runs / "init" / f"{name}.safetensors"))
        asked = {key: value for key, value in vars(self).items() if not isinstance(value, Path)}
        write(runs / f"{name}.json", asked | found)

        # Both of the paper's methods on the whole test split, into metrics.json beside the weights.
        for T in (self.T,) if self.T else severities(self.task, self.dataset):
            for precision in ("float32",) if deblur else ("8bit", "float32"):
                self.score(runs / name / "weights.safetensors", test, runs / name, T, "float32", batch=500,
                           methods=BOTH, measurement_precision=precision)


def shipped_for(made: Recipe, path: Path) -> Path:
    """The shipped weights of a recipe's pair, or a copy of them for severities up to its T."""
    shipped, T = pretrained_file(made.task, made.dataset), made.degradation().T
    weights, metadata = load_weights(shipped)
    gain = weights["precondition.gain"]
    if len(gain) == T + 1:
        return shipped
    path.parent.mkdir(parents=True, exist_ok=True)
    export_weights(path, weights | {"precondition.gain": gain[:T + 1]}, metadata, keep=("precondition.",))
    return path


@section
def realism_table(published: Published) -> str:
    """Direct reconstruction and Algorithm 2 by the models of each pair, on the full test split."""
    lines = []
    for pair in PAIRS:
        for row in published.find(pair=pair, kind="realism"):
            variant, precision, method = (row[key] for key in ("variant", "measurement_precision", "method"))
            usual = published.best(pair, method, precision, variant, "fid")
            lines += [{"pair": titled(pair, variant), "from": FROM[precision], "method": METHODS[method],
                       "made for": made_for, **numbers(scored, SHOWN)}
                      for made_for, scored in (("RMSE", usual), ("realism", row))]
    return table(lines)


@section
def realism_finding(published: Published) -> str:
    """FID and RMSE of direct reconstruction by both models, as the paper measures or else from 8 bits."""
    said = []
    for name in published.sharper:
        pair = name.removesuffix(REALISM)
        ways = [[numbers(published.best(pair, "direct", precision, metric="fid", kind=kind), SHOWN)
                 for kind in ("RMSE", "realism")] for precision in (papers_precision(pair), "8bit")]
        before, after = next((way for way in ways if way[1]["FID"] != MISSING), ways[0])
        said.append(f"   - {titled(pair, published.paper['pairs'][pair]['variant'])}: FID from "
                    f"{before['FID']} to {after['FID']} (paper {published.printed(pair, 'direct')['FID']}), "
                    f"RMSE from {before['RMSE']} to {after['RMSE']}.")
    return "\n".join(said)


@section
def realism_curve(published: Published) -> str:
    """The course of the trainings on validation images; some were trained without looking."""
    lines, machines = [], set()
    for name in published.sharper:
        if (published.folder / f"{name}/training.json").is_file():
            record = published.read(f"{name}/training.json")
            machines.add(f"{record['n']:,} validation images, {record['device']}")
            lines += [{"pair": PAIRS[name.removesuffix(REALISM)], "images seen": f"{row['images']:,.0f}"}
                      | {head: f"{row[f'{key}_direct']:{digits}}" for head, (key, digits) in WAY.items()}
                      for row in record["curve"]]
    return f"{'; '.join(sorted(machines))}; direct.\n\n{table(lines)}"


@section
def further(published: Published) -> str:
    """Trainings whose weights are not shipped: direct reconstruction beside the shipped model's."""
    record, lines = published.read("further.json"), []
    for row in record["rows"]:
        scores = {name: " / ".join(f"{row[of][f'{key}_direct']:{digits}}" for of in ("shipped", "scores"))
                  for name, (key, digits) in FURTHER.items()}
        lines.append({"pair": PAIRS[row["pair"]], "training": row["training"],
                      "images, last stage": f"{row['images_seen']:,}", "beside": row["beside"]} | scores)
    return f"{record['n']:,} validation images, {record['device']}; shipped / this one.\n\n{table(lines)}"

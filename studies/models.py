"""The shipped models on a split of MNIST and CIFAR-10, cell by cell, with FID or without. Hours for all.

--split validation --n 1000 gives the rows that `make test` computes again. FID takes minutes a cell on a GPU,
half an hour on a CPU core.
"""
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Literal

from torch import Tensor

from colddiff_nb import algorithm2, load, recipe
from colddiff_nb.data import channels
from colddiff_nb.degradations import TASKS, DrawnDegradation
from colddiff_nb.sampling import SAMPLERS, Restore
from colddiff_nb.weights import load_model
from colddiff_nb.weights.pretrained import pretrained_file
from studies.published import BOTH, METHODS, OURS, PAIRS, REALISM, SIGNS, Fields, Published, papers_precision
from studies.study import DATASETS, Study, each, severities
from studies.tables import FROM, MISSING, numbers, render, section, table, titled

WHOLE = ("rmse", "ssim", "fid", "frechet", "class_accuracy")  # scores of the whole split
COLUMNS = {"FID": ("fid", ".1f"), "Frechet": ("frechet", ".1f"), "RMSE": ("rmse", ".4f"),
       "SSIM": ("ssim", ".3f"), "fine detail": ("sharpness", ".2f")}
SPEED_AND_RECORDS = "evaluate_every", "save_every", "cuda_graph", "compile"  # fields of a recipe


def two_calls(restore: Restore, degrade: DrawnDegradation, x_T: Tensor) -> Any:
    """Algorithm 2 that calls the network at T and at half of it, rounded up."""
    return algorithm2(restore, degrade, x_T, [degrade.T, (degrade.T + 1) // 2])


WAYS = SAMPLERS | {"two-calls": two_calls}


@dataclass
class Scored(Study):
    """Options of what is scored on whole splits."""

    tasks: tuple[str, ...] = tuple(TASKS)
    datasets: tuple[str, ...] = DATASETS
    precisions: tuple[str, ...] = tuple(FROM)
    fid: Literal["float32", "bfloat16"] | None = None  # Inception's precision
    rounded: bool = False  # round images to 8 bits before Inception, as files would be: not the paper's FID


@dataclass
class Models(Scored):
    methods: tuple[Literal["direct", "algorithm1", "two-calls", "algorithm2"], ...] = (
        "direct", "algorithm1", "algorithm2")
    split: Literal["test", "validation"] = "test"
    n: int | None = None  # that many images, spread over the split; by default all
    realism: bool = False  # score the models made for realism

    def run(self) -> None:
        for case in each(dataset=self.datasets, task=self.tasks, measurement_precision=self.precisions):
            dataset, task, precision = case.values()
            path = pretrained_file(task, dataset, "realism" if self.realism else precision)
            images, most = load(dataset, self.split, self.data), load_model(path)[1].T
            for T in (T for T in severities(task, dataset) if T <= most):
                print(f"{path.stem}, T = {T}, {self.split}", flush=True)
                self.score(path, images, self.results / path.stem, T, self.fid, self.rounded, n=self.n,
                           methods={name: WAYS[name] for name in self.methods},
                           measurement_precision=precision)


@section
def models(published: Published) -> str:
    lines = []
    for name, model in published.models.items():
        made = model["recipe"]
        lines.append({
            "model": f"[{name}]({name}/)", "made for": made.measurement_precision,
            "network, parameters": f"{made.network}, {model['parameters'] / 1e6:.2f} M",
            "images seen: steps x batch": f"{steps(model)} = {model['images_seen']:,}",
            "share of the paper's": published.share(name), "rollout": f"{made.rollout:.0%}",
            "consistent with": "–" if made.task == "inpaint" else made.data_consistency,
            "loss": losses(model)})
    return table(lines)


@section
def realism_table(published: Published) -> str:
    """Direct, two calls and Algorithm 2 by both models of each pair, on the full test split."""
    lines = []
    for pair in PAIRS:
        for row in sorted(published.find(pair=pair, kind="realism"), key=lambda row: (
                list(FROM).index(row["measurement_precision"]), OURS.index(row["method"]))):
            variant, precision, method = (row[key] for key in ("variant", "measurement_precision", "method"))
            usual = published.best(pair, method, precision, variant, "fid")
            lines += [{"pair": titled(pair, variant), "from": FROM[precision], "method": METHODS[method],
                       "made for": made_for, **numbers(scored, WHOLE)}
                      for made_for, scored in (("RMSE", usual), ("realism", row)) if scored or method in BOTH]
    return table(lines)


@section
def realism_finding(published: Published) -> str:
    """FID and RMSE of direct reconstruction by both models, as the paper measures or else from 8 bits."""
    said = []
    for name in published.sharper:
        pair = name.removesuffix(REALISM)
        ways = {precision: [
            numbers(published.best(pair, "direct", precision, metric="fid", kind=kind), WHOLE)
            for kind in ("RMSE", "realism")] for precision in (papers_precision(pair), "8bit")}
        precision = next((way for way in ways if ways[way][1]["FID"] != MISSING), papers_precision(pair))
        before, after = ways[precision]
        papers = published.printed(pair, "direct")["FID"]
        said.append(f"   - {titled(pair, published.paper['pairs'][pair]['variant'])}, "
                    f"from {FROM[precision]}: FID {before['FID']} to {after['FID']} (paper {papers:.2f}), "
                    f"RMSE {before['RMSE']} to {after['RMSE']}.")
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
                      | {head: f"{row[f'{key}_direct']:{digits}}" for head, (key, digits) in COLUMNS.items()}
                      for row in record["curve"]]
    return f"{'; '.join(sorted(machines))}; direct.\n\n{table(lines)}"


def losses(model: Fields) -> str:
    """Those of all stages in their order."""
    named = (stage["recipe"].loss.upper() + " and SSIM" * bool(stage["recipe"].ssim)
             + " and a critic" * bool(stage["recipe"].realism) for stage in model["stages"])
    return ", then ".join(dict.fromkeys(named))


def option(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def steps(model: Fields) -> str:
    return " + ".join(f"{stage['step']:,} x {stage['recipe'].images_per_step}" for stage in model["stages"])


def card(published: Published, name: str) -> str:
    model = (published.models | published.sharper)[name]
    pair = name.removesuffix("-8bit").removesuffix(REALISM)
    return render("card.md", model | {
        "name": name, "pair": pair, "title": PAIRS[pair], "made": model["recipe"], "steps": steps(model),
        "wanted": ", ".join(f'"{part}"' for part in name.split("-")), "share": published.share(name),
        "channels": channels(model["recipe"].dataset), "command": command,
        "losses": losses(model), "machine": machine(model), "mean": model.get("mean"),
        "stopped": any(stage["step"] < stage["recipe"].steps for stage in model["stages"]),
        "scores": card_scores(published, pair, name, model)})


def card_scores(published: Published, pair: str, name: str, model: Fields) -> str:
    """The model's rows; where another model is made for a measurement, the row of the study of samplers."""
    lines, kind = [], "realism" if name in published.sharper else "RMSE"
    variants = [variant for other, variant, _ in published.cases() if other == pair]
    for variant, (precision, source), method in product(variants, FROM.items(), OURS):
        others = [row for row in published.find(folder=f"samplers/{name}", variant=variant, method=method,
                                                measurement_precision=precision)
                  if row["provenance"]["weights"] in (model["checksum"], model.get("before_refit"))]
        line = {"start": variant, "from": source, "method": METHODS[method]}
        for metric in SIGNS:
            row = published.best(pair, method, precision, variant, metric, kind)
            if not row or row["folder"] != name:
                row = others[-1] if others else None
            line |= numbers(row, [metric], interval=True)
        if line["RMSE"] != MISSING:
            lines.append(line)
    return table(lines)


def machine(model: Fields) -> str:
    """" of" and what all stages were trained on; nothing where they differ or do not say."""
    found = {device(stage) for stage in model["stages"]}
    return f" of {found.pop()}" if len(found) == 1 and "" not in found else ""


def device(stage: Fields) -> str:
    """Older weights do not name it: a CPU trained those without a critic."""
    name = stage.get("device", "" if stage["recipe"].realism else "cpu")
    return "a CPU core" if name == "cpu" else name and f"an {name}"


def command(stage: Fields) -> str:
    """What trained a stage: every field that differs from `small` and changes more than speed."""
    made = asdict(stage["recipe"])
    usual = asdict(recipe("small", made["task"], made["dataset"]))
    changed = "".join(f" --{name.replace('_', '-')} {option(made[name])}" for name in usual
                      if name not in SPEED_AND_RECORDS and made[name] != usual[name])
    begun = " --init EARLIER.safetensors" if stage["init"] else ""
    pair = f"--task {made['task']} --dataset {made['dataset']}"
    return f"python -m colddiff_nb train small {pair}{changed}{begun}"

"""The shipped models on a split of MNIST and CIFAR-10, cell by cell, with FID or without. Hours for all.

--split validation --n 1000 gives the rows that `make test` computes again. FID takes minutes a cell on a GPU,
half an hour on a CPU core.
"""
from dataclasses import asdict, dataclass
from itertools import product
from typing import Literal

from colddiff_nb import load, recipe
from colddiff_nb.data import channels
from colddiff_nb.degradations import TASKS
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.weights import load_model
from colddiff_nb.weights.pretrained import pretrained_file
from studies.published import BOTH, METHODS, PAIRS, REALISM, SIGNS, Fields, Published
from studies.study import DATASETS, Study, each, severities
from studies.tables import FROM, MISSING, numbers, render, section, table

CHANGE_NO_WEIGHTS = "evaluate_every", "save_every", "cuda_graph"  # fields of a recipe


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
    methods: tuple[str, ...] = tuple(SAMPLERS)
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
                           methods=self.methods, measurement_precision=precision)


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
            "loss": made.loss.upper()})
    return table(lines)


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
        "scores": card_scores(published, pair, name, model)})


def card_scores(published: Published, pair: str, name: str, model: Fields) -> str:
    """The model's rows; where another model is made for a measurement, the row of the study of samplers."""
    lines, kind = [], "realism" if name in published.sharper else "RMSE"
    variants = [variant for other, variant, _ in published.cases() if other == pair]
    for variant, (precision, source), method in product(variants, FROM.items(), BOTH):
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


def command(stage: Fields) -> str:
    """What trained a stage: every field that differs from `small` and changes weights."""
    made = asdict(stage["recipe"])
    usual = asdict(recipe("small", made["task"], made["dataset"]))
    changed = "".join(f" --{name.replace('_', '-')} {option(made[name])}" for name in usual
                      if name not in CHANGE_NO_WEIGHTS and made[name] != usual[name])
    begun = " --init EARLIER.safetensors" if stage["init"] else ""
    pair = f"--task {made['task']} --dataset {made['dataset']}"
    return f"python -m colddiff_nb train small {pair}{changed}{begun}"

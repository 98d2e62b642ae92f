"""The shipped models on a split of MNIST and CIFAR-10, cell by cell, with FID or without. Hours for all.

--split validation --n 1000 gives the rows that `make test` computes again. FID takes minutes a cell on a GPU,
half an hour on a CPU core.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from colddiff_nb.data import load
from colddiff_nb.degradations import TASKS, make
from colddiff_nb.metrics import Inception, load_inception
from colddiff_nb.metrics.evaluation import Judges
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe, recipe
from colddiff_nb.weights import shipped_classifier
from colddiff_nb.weights.pretrained import pretrained_file
from studies.published import METHODS, PAIRS, Published, Row
from studies.study import DATASETS, Fields, Study, each, score
from studies.tables import FROM, MISSING, number, section, table, titled

CARD = Path(__file__).parent / "pages" / "card.md"
MADE_FOR = {"float32": "the model made for float32", "8bit": "the model made for 8 bits",
            "both": "the one model made for both"}
LICENCES = {"mnist": "MNIST, CC BY-SA 3.0", "cifar10": "CIFAR-10, published for research, no licence stated"}
BOTH = ("direct", "algorithm2")


@dataclass
class Scored(Study):
    """What is scored on whole splits; FID only where it is asked for."""

    tasks: tuple[str, ...] = tuple(TASKS)
    datasets: tuple[str, ...] = DATASETS
    severities: tuple[int, ...] = ()  # to start from; by default those of the tables
    precisions: tuple[str, ...] = tuple(FROM)
    fid: Literal["float32", "bfloat16"] | None = None  # Inception's precision
    rounded: bool = False  # round images to 8 bits before Inception, as files would be: not the paper's FID

    def judges(self, dataset: str) -> Judges:
        """Classifier and, if it is asked for, FID. Raises ValueError without Inception's weights."""
        judge = inception(self.fid, self.rounded) if self.fid else None
        return Judges(shipped_classifier(dataset).to(runtime.device()), judge, self.runs / "features")


@cache
def inception(precision: str, rounded: bool) -> Inception:
    found, why = load_inception(device=runtime.device(), dtype=getattr(torch, precision), rounded=rounded)
    if why or found is None:
        raise ValueError(f"no FID: {why}; leave out --fid")
    return found


@dataclass
class Models(Scored):
    methods: tuple[str, ...] = tuple(SAMPLERS)
    split: Literal["test", "validation"] = "test"
    n: int | None = None  # that many images, spread over the split; by default all

    def cases(self) -> list[Fields]:
        return each(dataset=self.datasets, task=self.tasks, measurement_precision=self.precisions)

    def run(self) -> None:
        for case in self.cases():
            path = pretrained_file(**case)
            print(path.stem, self.split, flush=True)
            default = (20, 40) if path.stem.startswith("deblur-mnist") else (None,)  # one network for both
            for T in self.severities or default:
                score(path, load(case["dataset"], self.split, self.data),
                      self.results / path.stem, T, methods=self.methods,
                      measurement_precision=case["measurement_precision"], n=self.n,
                      judges=self.judges(case["dataset"]))


@section
def models(published: Published) -> str:
    rows = []
    for name, metadata in published.models.items():
        options = metadata["recipe"]
        scored = {row.cell["provenance"].get("weights")
                  for row in published.rows if row.folder == name} - {None}
        rows.append((
            f"[{name}]({name}/)", options["measurement_precision"],
            f"{options['network']}, {metadata['parameters'] / 1e6:.2f} M",
            f"{stages(metadata)} = {metadata['images_seen']:,}", published.share(name),
            f"{options['rollout']:.0%}",
            "–" if options["task"] == "inpaint" else options['data_consistency'], options["loss"].upper(),
            whose(scored, metadata)))
    return table("model | made for | network, parameters | images seen: steps x batch | share of the "
                 "paper's | rollout | "
                 "consistent with | loss | rows are of these weights", rows)


def whose(scored: set[str], metadata: Fields) -> str:
    """Whether scores are of a model's weights, by the checksums of what was scored."""
    if not scored:
        return MISSING
    if scored == {metadata["checksum"]}:
        return "yes"
    if scored <= of(metadata):
        return "yes, before the refit"
    return "in part, others of older weights" if metadata["checksum"] in scored else "**no, older weights**"


def of(metadata: Fields) -> set[str | None]:
    """The checksums of these weights, and of the same ones before their preconditioner was fitted again."""
    return {metadata["checksum"], metadata.get("before_refit")}


def stages(metadata: Fields) -> str:
    """Steps x batch of each stage."""
    return " + ".join(f"{stage['step']:,} x {stage['recipe']['batch'] * stage['recipe']['accumulate']}"
                      for stage in (*metadata["earlier"], metadata))


def card(published: Published, name: str) -> str:
    """What one needs to know before using a shipped model."""
    metadata = published.models[name]
    options, stages_of = metadata["recipe"], (*metadata["earlier"], metadata)
    task, dataset, kept = (options[name] for name in ("task", "dataset", "data_consistency"))
    pair = f"{task}-{dataset}"
    made_for = "" if name == pair else f', "{options["measurement_precision"]}"'
    return CARD.read_text().format(
        name=name, title=PAIRS[pair], made_for=MADE_FOR[options["measurement_precision"]],
        channels=1 if dataset == "mnist" else 3,
        size=metadata["size"], loader=f'load_pretrained("{task}", "{dataset}"{made_for})',
        T=make(task, dataset).T,
        network=options["network"], parameters=metadata["parameters"], stages=stages(metadata),
        images_seen=metadata["images_seen"], share=published.share(name), loss=options["loss"].upper(),
        rollout=f"{options['rollout']:.0%}", seed=options["seed"], images=metadata["data"]["n"],
        kept="" if task == "inpaint" else f", and the network keeps what the {kept} tells",
        minutes=sum(stage["seconds"] for stage in stages_of) / 60, licence=LICENCES[dataset],
        checksum=metadata["checksum"], scores=card_scores(published, pair, name),
        rounded=from_8_bits(published, name),
        commands="\n".join(f"      {command(stage)}" for stage in stages_of),
        unshipped=" (the weights of the stage before, EARLIER, are not shipped)" if metadata["earlier"]
                                   else "")


def card_scores(published: Published, pair: str, name: str) -> str:
    rows = []
    for case in each(variant=published.variants(pair), precision=FROM, method=BOTH):
        row, fid = (published.best(pair, metric=metric, **case) for metric in ("rmse", "fid"))
        if row and row.folder == name:
            scores = ((row, "rmse", 4), (row, "ssim", 4),
                      (fid if fid and fid.folder == name else None, "fid", 2))
            rows.append((case["variant"], FROM[case["precision"]], METHODS[case["method"]],
                         *(number(*score, True) for score in scores)))
    return table("start | from | method | RMSE | SSIM | FID", rows)


def from_8_bits(published: Published, name: str) -> str:
    """What 8 bits make of a model made for float32, on the samplers' validation images."""
    cells = {(cell["variant"], cell["measurement_precision"]): cell
             for cell in published.cells(f"samplers/{name}/metrics.json")
             if cell["method"] == "direct" and cell["provenance"]["weights"] in of(published.models[name])}
    rounded = [cell for (variant, precision), cell in cells.items()
               if precision == "8bit" and (variant, "float32") in cells]
    if not rounded or published.models[name]["recipe"]["measurement_precision"] != "float32":
        return ""
    shown = ", ".join(
        f"{cell['rmse']:.3f} ({cell['variant']}; from float32 "
        f"{cells[cell['variant'], 'float32']['rmse']:.3f}, the degraded "
        f"image has {cell['rmse'] * cell['gain']:.3f})" for cell in rounded)
    return f" From 8 bits its RMSE is {shown}, on {rounded[0]['n']} {rounded[0]['split']} images."


def command(metadata: Fields) -> str:
    """What trained a stage: every field that differs from `small`, except how often is scored and saved."""
    options = asdict(Recipe.from_dict(metadata["recipe"]))
    small = asdict(recipe("small", options["task"], options["dataset"]))
    changed = [f"--{name.replace('_', '-')} {options[name]}" for name, value in small.items()
               if name not in ("evaluate_every", "save_every") and options[name] != value]
    begun = ["--init EARLIER.safetensors"] if metadata["init"] else []
    return " ".join(["python -m colddiff_nb train small --task", options["task"], "--dataset",
                     options["dataset"],
                     *changed, *begun])


@section
def last_stage(published: Published) -> str:
    """Scores of the models that were trained in two stages, before and after the second."""
    rows = []
    for name in published.models:
        pair = name.removesuffix("-8bit")
        earlier = [Row(pair, name, cell) for cell in published.cells(f"earlier/{name}.json")]
        for before in sorted(earlier, key=lambda row: (row.key[0], list(METHODS).index(row.key[1]))):
            changes = []
            for metric, digits in (("rmse", 4), ("ssim", 4), ("fid", 2)):
                after = [row for row in published.every_row if row.number(metric) is not None
                         and (row.folder, row.key, row.images) == (name, before.key, before.images)
                         and (metric != "fid" or row.fid_rank == before.fid_rank)]
                told = after and before.number(metric) is not None
                changes.append(f"{number(before, metric, digits)} → {number(after[0], metric, digits)}"
                               if told else "–")
            rows.append((titled(pair, before.key[0]), FROM[before.key[2]], METHODS[before.key[1]], *changes))
    return table("pair | from | method | RMSE | SSIM | FID", rows)


@section
def refit(published: Published) -> str:
    """How far scores moved when the preconditioners were fitted again, on the same validation images."""
    rows = (published.read("refit.json") or {"rows": []})["rows"]
    if not rows:
        return MISSING
    moved = max(abs(after - before) for row in rows for before, after in [row["rmse"]])
    return f"on {rows[0]['n']:,} validation images no RMSE moved by more than {moved:.4f}"


@section
def older(published: Published) -> str:
    """Which models have been trained further since samplers, growth or steps were measured."""
    measured = [(row.get("model") or f"{row['task']}-{row['dataset']}", row["weights"])
                for file in ("growth.json", "steps.json")
                for row in (published.read(file) or {"rows": []})["rows"]]
    for name in published.models:
        cells = published.cells(f"samplers/{name}/metrics.json")
        measured += [(name, cell["provenance"]["weights"]) for cell in cells]
    known = published.models
    found = sorted({name for name, weights in measured if name in known and weights not in of(known[name])})
    return f"Rows of {' and '.join(found)} were measured before the last stage of training." if found else ""

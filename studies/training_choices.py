"""A better restorer from equally many images: what each choice of the recipe buys. An hour.

Every choice is trained on the same number of images and scored on the same validation images, three seeds
each, for masks on digits and for blur on photographs. All but one choice keep the state.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from colddiff_nb.data import channels, load
from colddiff_nb.samplers import mirrored
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.training import Recipe, recipe, train
from studies.ablations import SHOWN, over_seeds, scores
from studies.published import PAIRS, Published
from studies.study import Fields, Study, each
from studies.tables import MISSING, least_to_most, section, section_of, table

CHOICES: dict[str, dict[str, Any]] = {
    "the recipe": {}, "keeps the measurement, not the state": {"data_consistency": "measurement"},
    "no rollout": {"rollout": 0.0}, "L2 for L1": {"loss": "l2"},
    "EMA, half-life 10 % for 3 %": {"ema_half_life": 0.1}}


@dataclass
class TrainingChoices(Study):
    steps: int = 500
    seeds: int = 3
    n: int = 500  # validation images scored

    file = "training_choices.json"

    def header(self) -> Fields:
        seen = self.recipe("inpaint", "mnist", "the recipe", 0).images_seen
        return {"images_seen": seen, "split": "validation", "n": self.n}

    def cases(self) -> Iterator[Fields]:
        for pair in ({"task": "inpaint", "dataset": "mnist"}, {"task": "deblur", "dataset": "cifar10"}):
            for case in each(seed=range(self.seeds), choice=CHOICES):
                kept = "data_consistency" in CHOICES[case["choice"]]
                if pair["task"] == "deblur" or not kept:  # for masks nothing is kept
                    yield pair | case

    def measure(self, task: str, dataset: str, choice: str, seed: int) -> Iterator[Fields]:
        folder = self.runs / "training-choices" / f"{task}-{dataset}, {choice}, seed {seed}"
        train(self.recipe(task, dataset, choice, seed), folder, data_root=self.data)
        methods: dict[str, Any] = {"direct": direct, "algorithm2": algorithm2}
        if channels(dataset) == 3:
            methods["mirrored"] = mirrored(direct)
        row = {"task": task, "dataset": dataset, "choice": choice, "changes": CHOICES[choice], "seed": seed}
        yield row | scores(folder, load(dataset, "validation", self.data), self.n, methods)

    def recipe(self, task: str, dataset: str, choice: str, seed: int) -> Recipe:
        options = {"data_consistency": "state", "steps": self.steps, "evaluate_every": self.steps,
                   "seed": seed}
        return recipe("small", task, dataset, **options | CHOICES[choice])


@section_of("training_choices.json")
def choices(record: Fields, published: Published) -> str:
    rows = pd.DataFrame(record["rows"])
    parts = [f"The recipe `small` with one thing changed: {record['images_seen']:,} images each, "
             f"{rows['seed'].nunique()} seeds, scored on {record['n']} {record['split']} images; ± is one "
             "standard deviation of the seeds."]
    for (task, dataset), pair in rows.groupby(["task", "dataset"], sort=False):
        lines = [(choice, *(over_seeds(group[key]) for key in SHOWN))
                 for choice, group in pair.groupby("choice", sort=False)]
        if pair["rmse_mirrored"].notna().any():
            own = pair[pair["choice"] == "the recipe"]
            mirrored = (over_seeds(own[f"{metric}_mirrored"]) for metric in ("rmse", "ssim"))
            lines.append(("the recipe, mean of both mirror images (2 calls)", *mirrored, "–", "–"))
        head = " | ".join(["training", *SHOWN.values()])
        parts.append(f"### {PAIRS[f'{task}-{dataset}']}\n\n{table(head, lines)}")
    return "\n\n".join(parts)


@section
def rollout_cost(published: Published) -> str:
    """How much less direct RMSE trainings without a rollout have, over the pairs that were tried."""
    record = published.read("training_choices.json")
    if not record:
        return MISSING
    means = pd.DataFrame(record["rows"]).pivot_table("rmse_direct", ["task", "dataset"], "choice")
    return least_to_most(list(100 * (1 - means["no rollout"] / means["the recipe"])), "{:.0f}") + " %"


@section
def longer(published: Published) -> str:
    """How many times the images of these short trainings the shipped models saw."""
    record = published.read("training_choices.json")
    seen = [metadata["images_seen"] / record["images_seen"]
            for metadata in published.models.values()] if record else []
    return least_to_most(seen, "{:.0f}")

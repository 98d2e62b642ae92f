"""A better restorer from equally many images: what each choice of the recipe buys. An hour.

Every choice is trained on the same number of images and scored on the same validation images, three seeds
each, for masks on digits and for blur on photographs. All but one choice keep the state.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from colddiff_nb import direct, load, recipe, train
from colddiff_nb.data import channels
from colddiff_nb.other_samplers import mirrored
from colddiff_nb.training import Recipe
from studies.ablations import METHODS, SHOWN, scores
from studies.published import PAIRS, Published
from studies.study import Fields, Study, each
from studies.tables import by_pair, over_seeds, section, table

CHOICES: dict[str, dict[str, Any]] = {
    "the recipe": {}, "keeps the measurement, not the state": {"data_consistency": "measurement"},
    "no rollout": {"rollout": 0.0}, "L2 for L1": {"loss": "l2"},
    "EMA, half-life 10 % for 3 %": {"ema_half_life": 0.1}}


@dataclass
class TrainingChoices(Study):
    steps: int = 500
    n: int = 500  # validation images scored

    file = "training_choices.json"

    def header(self) -> Fields:
        seen = self.recipe("inpaint", "mnist", "the recipe", 0).images_seen
        return {"images_seen": seen, "split": "validation", "n": self.n}

    def cases(self) -> Iterator[Fields]:
        for pair in ({"task": "inpaint", "dataset": "mnist"}, {"task": "deblur", "dataset": "cifar10"}):
            for case in each(seed=range(3), choice=CHOICES):
                kept = "data_consistency" in CHOICES[case["choice"]]
                if pair["task"] == "deblur" or not kept:  # for masks nothing is kept
                    yield pair | case

    def measure(self, task: str, dataset: str, choice: str, seed: int) -> Iterator[Fields]:
        folder = self.runs / "training-choices" / f"{task}-{dataset}, {choice}, seed {seed}"
        train(self.recipe(task, dataset, choice, seed), folder, data_root=self.data)
        methods = METHODS | ({"mirrored": mirrored(direct)} if channels(dataset) == 3 else {})
        row = {"task": task, "dataset": dataset, "choice": choice, "changes": CHOICES[choice], "seed": seed}
        yield row | scores(folder, load(dataset, "validation", self.data), self.n, methods)

    def recipe(self, task: str, dataset: str, choice: str, seed: int) -> Recipe:
        options = {"data_consistency": "state", "steps": self.steps, "evaluate_every": self.steps,
                   "seed": seed}
        return recipe("small", task, dataset, **options | CHOICES[choice])


@section
def choices(published: Published) -> str:
    record = published.read("training_choices.json")
    rows, tables = pd.DataFrame(record["rows"]), {}
    for (task, dataset), pair in rows.groupby(["task", "dataset"], sort=False):
        lines = [(choice, *(over_seeds(group[key], 4, deviation=True) for key in SHOWN))
                 for choice, group in pair.groupby("choice", sort=False)]
        if pair["rmse_mirrored"].notna().any():
            own = pair[pair["choice"] == "the recipe"]
            shown = (over_seeds(own[key], 4, deviation=True) for key in ("rmse_mirrored", "ssim_mirrored"))
            lines.append(("the recipe, mean of both mirror images (2 calls)", *shown, "–", "–"))
        tables[PAIRS[f"{task}-{dataset}"]] = table(" | ".join(["training", *SHOWN.values()]), lines)
    return (f"The recipe `small` with one thing changed: {record['images_seen']:,} images each, "
            f"{rows['seed'].nunique()} seeds, scored on {record['n']} {record['split']} images; ± is one "
            f"standard deviation of the seeds.\n\n{by_pair(tables)}")

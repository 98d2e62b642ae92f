"""A better restorer from equally many images: what each choice of the recipe buys. An hour.

Every choice is trained on the same number of images and scored on the same validation images, three seeds
each, for masks on digits and for blur on photographs. All but one choice keep the state.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from colddiff_nb import direct
from colddiff_nb.other_samplers import mirrored
from studies.ablations import SAMPLERS, SHOWN, Trainings
from studies.published import PAIRS, Published
from studies.study import Fields, each
from studies.tables import by_pair, section, seed_table

CHOICES: dict[str, Fields] = {
    "the recipe": {}, "keeps the measurement, not the state": {"data_consistency": "measurement"},
    "no rollout": {"rollout": 0.0}, "L2 for L1": {"loss": "l2"},
    "EMA, half-life 10 % for 3 %": {"ema_half_life": 0.1}}


@dataclass
class TrainingChoices(Trainings):
    steps: int = 500

    file = "training_choices.json"

    def header(self) -> Fields:
        seen = self.recipe("inpaint", "mnist").images_seen
        return {"images_seen": seen, "split": "validation", "n": self.n}

    def cases(self) -> list[Fields]:
        masks = {"task": ["inpaint"], "dataset": ["mnist"], "seed": range(3),
                 "choice": [name for name in CHOICES if "keeps" not in name]}  # for masks nothing is kept
        blur = masks | {"task": ["deblur"], "dataset": ["cifar10"], "choice": CHOICES}
        return each(**masks) + each(**blur)

    def measure(self, task: str, dataset: str, choice: str, seed: int) -> Iterator[Fields]:
        folder = self.runs / "training-choices" / f"{task}-{dataset}, {choice}, seed {seed}"
        made = self.recipe(task, dataset, seed=seed, **{"data_consistency": "state"} | CHOICES[choice])
        samplers = SAMPLERS | ({"mirrored": mirrored(direct)} if dataset == "cifar10" else {})
        yield {"changes": CHOICES[choice]} | self.trained(made, folder, samplers)


@section
def choices(published: Published) -> str:
    record = published.read("training_choices.json")
    rows, tables = pd.DataFrame(record["rows"]).rename(columns={"choice": "training"}), {}
    for (task, dataset), pair in rows.groupby(["task", "dataset"], sort=False):
        both = pair[(pair["training"] == "the recipe") & pair["rmse_mirrored"].notna()].assign(
            training="the recipe, mean of both mirror images (2 calls)", rmse_algorithm2=None,
            ssim_algorithm2=None, rmse_direct=pair["rmse_mirrored"], ssim_direct=pair["ssim_mirrored"])
        tables[PAIRS[f"{task}-{dataset}"]] = seed_table(pd.concat([pair, both]), ["training"], SHOWN, True)
    return (f"The recipe `small` with one thing changed: {record['images_seen']:,} images each, "
            f"{rows['seed'].nunique()} seeds, scored on {record['n']} {record['split']} images; ± is one "
            f"standard deviation of the seeds.\n\n{by_pair(tables)}")

"""Trainings that were tried on the way to the paper's FID and SSIM: most go on from shipped weights.

Each is scored on the same validation images as the shipped model beside it. Minutes each on a GPU. On a CPU
core FID alone takes minutes; the published rows trained there have none. What is run now goes on from the
weights that are shipped now. The published rows went on from those that were shipped then. Of pixelated
photographs only a new network, and what goes on from it, can be run again. For pixelated digits made for
realism, "wide, four times longer" would start from the shipped mean, which its own weights are part of.
Where a row has `stopped_at_step`, its weights are of that step. "Twice as wide, L1" was not scored.
"""
from collections.abc import Iterator
from dataclasses import dataclass

from colddiff_nb import load, recipe, train
from colddiff_nb.storage import runtime
from colddiff_nb.weights import load_model
from colddiff_nb.weights.pretrained import weights_file
from studies.published import PAIRS, REALISM, Fields, Published
from studies.realism import scorer
from studies.study import Study
from studies.tables import MISSING, section, table

FURTHER = {"RMSE": ("rmse", ".4f"), "SSIM": ("ssim", ".4f"), "FID": ("fid", ".1f")}
SIMILAR: Fields = {"loss": "l2", "ssim": 0.3, "learning_rate": 7e-4, "rollout": 0.25, "steps": 1_500,
                   "data_consistency": "state"}
BOTH_PRECISIONS: Fields = {"measurement_precision": "both"}
LONG: Fields = BOTH_PRECISIONS | {"batch": 512, "learning_rate": 1e-3}
DIGITS = SIMILAR | BOTH_PRECISIONS
WIDE: Fields = {"widths": (96, 160, 320), "batch": 256}
CRITIC: Fields = {"realism": 0.3, "learning_rate": 3e-4}
BLUR = WIDE | {"T": 20}
PHOTOGRAPHS: Fields = SIMILAR | WIDE | {"after": None, "shift": 2, "learning_rate": 1.5e-3, "compile": True}
BLURRED = "twice as wide, L1, then a critic, weight 0.3"
PIXELATED = "wide, four times longer, without rollouts"
TRAININGS: dict[tuple[str, str], Fields] = {  # by shipped model and name: what differs from `small`
    # after: the name of the training it goes on from, or None for a new one; by default the shipped model
    ("superres-mnist", "L1, many more images"): LONG | {"steps": 6_400},
    ("superres-cifar10", "L1, many more images"): LONG | {"steps": 13_824},
    ("superres-mnist", "L2 and SSIM, weight 0.05"): DIGITS | {"ssim": 0.05, "learning_rate": 5e-4},
    ("superres-mnist", "L2 and SSIM, weight 0.3"): DIGITS,
    ("superres-mnist", "L1 and SSIM, weight 0.3"): DIGITS | {"loss": "l1", "steps": 2_000},
    ("superres-mnist", "L2, SSIM and shifts"): DIGITS | {"shift": 1, "steps": 2_500},
    ("superres-mnist", "that, then without shifts: shipped now"):
        DIGITS | {"after": "L2, SSIM and shifts", "ssim": 0.5, "learning_rate": 5e-4},
    ("superres-cifar10", "L2 and SSIM, weight 0.05"): SIMILAR | {"ssim": 0.05, "learning_rate": 5e-4},
    ("superres-cifar10", "L2 and SSIM, weight 0.3"): SIMILAR,
    ("superres-cifar10", "L2, SSIM and shifts"): SIMILAR | {"shift": 4, "steps": 2_500},
    ("superres-cifar10", "that, on many more images"):
        SIMILAR | {"after": "L2, SSIM and shifts", "shift": 2, "learning_rate": 1e-3, "steps": 24_000},
    ("superres-cifar10", "L2, SSIM and shifts by two"):
        SIMILAR | {"shift": 2, "learning_rate": 1e-3, "compile": True, "steps": 22_500},
    ("superres-cifar10", "that, then more SSIM"): SIMILAR | {
        "after": "L2, SSIM and shifts by two", "ssim": 0.6, "shift": 2, "learning_rate": 5e-4,
        "compile": True, "steps": 2_600},
    ("superres-cifar10", "shifts by two, on more images"): SIMILAR | {
        "after": "L2, SSIM and shifts by two", "shift": 2, "learning_rate": 8e-4,
        "compile": True, "steps": 9_200},
    ("superres-cifar10", "twice as wide, L2, SSIM and shifts"): PHOTOGRAPHS | {"steps": 27_840},
    ("superres-cifar10", "that, then shifts by six"): SIMILAR | {
        "after": "twice as wide, L2, SSIM and shifts", "widths": WIDE["widths"], "shift": 6, "rollout": 0.0,
        "learning_rate": 1e-3, "steps": 2_000},
    ("superres-cifar10", "twice as wide, half as long: shipped now"): PHOTOGRAPHS | {"steps": 14_000},
    ("superres-mnist-realism", PIXELATED):
        WIDE | CRITIC | BOTH_PRECISIONS | {"rollout": 0.0, "steps": 26_624},
    ("superres-mnist-realism", "four times longer, then as long again"): WIDE | CRITIC | BOTH_PRECISIONS | {
        "after": PIXELATED, "rollout": 0.0, "compile": True, "steps": 28_000},
    ("superres-mnist-realism", "four times longer, then shifts by two"): WIDE | CRITIC | BOTH_PRECISIONS | {
        "after": PIXELATED, "rollout": 0.0, "shift": 2, "compile": True, "steps": 14_000},
    ("deblur-mnist-realism", "twice as wide, L1"):
        BLUR | {"after": None, "learning_rate": 1.5e-3, "steps": 6_080},
    ("deblur-mnist-realism", BLURRED): BLUR | CRITIC | {
        "after": "twice as wide, L1", "learning_rate": 5e-4, "steps": 6_464},
    ("deblur-mnist-realism", "that, four times longer"): BLUR | CRITIC | {
        "after": BLURRED, "rollout": 0.125, "compile": True, "steps": 27_200},
    ("deblur-mnist-realism", "that, as long again: shipped now"): BLUR | CRITIC | {
        "after": "that, four times longer", "rollout": 0.125, "compile": True, "steps": 27_200},
}


@dataclass
class Further(Study):
    n: int = 2_000  # validation images scored
    only: tuple[str, ...] = ()  # the shipped models whose trainings are run; by default all

    file = "further.json"

    def header(self) -> Fields:
        return {"n": self.n, "split": "validation", "measurement_precision": "float32",
                "inception": "bfloat16"}

    def cases(self) -> list[Fields]:
        return [{"beside": beside, "training": name} for beside, name in TRAININGS
                if beside in (self.only or [beside])]

    def measure(self, beside: str, training: str) -> Iterator[Fields]:
        changes = dict(TRAININGS[beside, training])
        folder, after = self.runs / "further" / beside, changes.pop("after", beside)
        task, dataset, *_ = beside.split("-")
        made = recipe("small", task, dataset, **changes)
        scores = scorer(made, load(dataset, "validation", self.data), self.runs / "features", self.n)
        shipped = scores(load_model(beside)[0].to(runtime.device()))
        begun = weights_file(beside) if after == beside else after and folder / after / "weights.safetensors"
        network = train(made, folder / training, data_root=self.data, init=begun)
        yield {"pair": beside.removesuffix(REALISM), "changes": TRAININGS[beside, training],
               "images_seen": made.images_seen, "shipped": shipped, "scores": scores(network),
               "device": runtime.device_name()}


@section
def further(published: Published) -> str:
    """Direct reconstruction by each of them, beside that of a shipped model."""
    record, lines = published.read("further.json"), []
    for row in record["rows"]:
        scores = {name: " / ".join(shown(scored.get(f"{key}_direct"), digits)
                                   for scored in (row["shipped"], row["scores"]))
                  for name, (key, digits) in FURTHER.items()}
        lines.append({"pair": PAIRS[row["pair"]], "training": row["training"],
                      "images, last stage": f"{row['images_seen']:,}", "beside": row["beside"],
                      "on": "a CPU core" if row["device"] == "cpu" else row["device"]} | scores)
    return f"{record['n']:,} validation images; shipped / this one.\n\n{table(lines)}"


def shown(value: float | None, digits: str) -> str:
    return MISSING if value is None else f"{value:{digits}}"

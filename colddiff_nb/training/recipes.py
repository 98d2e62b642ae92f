"""How a model is trained: one frozen dataclass, and the named recipes."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from torch import nn

from colddiff_nb.data import channels
from colddiff_nb.data.names import data_set
from colddiff_nb.degradations import Degradation, make
from colddiff_nb.degradations.tasks import MAKERS
from colddiff_nb.networks import build
from colddiff_nb.networks.building import OWN_NETWORKS

RENAMED = {  # fields of earlier versions
    "measurement": "measurement_precision", "sampler_states": "rollout", "keeps": "data_consistency"}


@dataclass(frozen=True)
class Recipe:
    """Every setting that affects the result; ValueError for a value that cannot be."""

    name: str = "quick"  # the named recipe this one started from
    task: str = "superres"  # deblur, superres, inpaint, decolour, noise, mean, line, snow, or your own
    dataset: str = "mnist5k"  # mnist, fashion, cifar10, mnist5k, photos or folder:PATH
    size: int = 32  # images are cut or resized to squares of so many pixels a side: 16, 24, ... or 128
    T: int | None = None  # severities 1..T; by default the paper's
    pooling: Literal["area", "bicubic"] = "area"  # of superres: of the paper's tables, or the official code's
    network: str = "small"  # small (1 M parameters), paper (its U-Nets for grey and for colour) or your own
    widths: tuple[int, int, int] = (48, 80, 160)  # channels of the small network's three levels
    time_input: bool = True  # the small network is told the severity; --no-time-input: it is not
    skips: bool = True  # the small network's encoder is joined to its decoder; --no-skips: it is not
    measurement_precision: Literal["float32", "8bit", "both"] = "float32"  # that of x_T
    steps: int = 1_000  # optimiser steps
    batch: int = 64  # images of one micro-batch, over all processes
    accumulate: int = 1  # micro-batches of one optimiser step
    loss: Literal["l1", "l2"] = "l1"  # l1 (the paper's), or l2: less RMSE where much is unknown, and blurrier
    ssim: float = 0.0  # weight of 1 - SSIM beside that: more SSIM, and hardly more RMSE
    realism: float = 0.0  # weight of a critic, see critic.py: sharper images, more RMSE; 0 for none
    critic_penalty: float = 1.0  # of the critic's slope: with less, it judges more sharply and less calmly
    learning_rate: float = 1.5e-3  # of Adam
    schedule: Literal["constant", "cosine"] = "cosine"  # cosine: to 0, after a warm-up over 2 % of the steps
    clip: float = 1.0  # largest norm of the gradient, 0 for no limit
    severities: Literal["uniform", "towards-T"] = "towards-T"  # 20 % uniform, 20 % rising in t, 60 % at T
    rollout: float = 0.0  # share of a batch that are states of Algorithm 2, see rollout.py
    data_consistency: Literal["state", "measurement"] = "state"  # the small network keeps what it tells
    ema: Literal["every-step", "paper"] = "every-step"  # paper: 0.995 every 10 steps, from step 2,000
    ema_half_life: float = 0.03  # of every-step: share of the steps so far
    flip: bool | None = None  # mirror images at random; by default for colour data sets only
    shift: int = 0  # move images at random by up to so many pixels, their edge mirrored
    precision: Literal["auto", "float32", "bf16", "fp16"] = "auto"  # auto: bf16 where safe and fast
    cuda_graph: bool = False  # on one GPU, replay a step as one CUDA graph; not with fp16
    compile: bool = False  # compile the network first (torch.compile): a minute's wait, then faster on a GPU
    seed: int = 0
    evaluate_every: int = 200  # steps between scores on the fixed validation images
    save_every: int = 200  # steps between checkpoints

    def __post_init__(self) -> None:
        choices: dict[str, tuple[Any, ...]] = {
            "task": tuple(MAKERS), "network": ("small", "paper", *OWN_NETWORKS), "flip": (True, False, None)}
        for field, kind in get_type_hints(Recipe).items():
            if kind is bool:
                choices[field] = True, False
            elif get_origin(kind) is Literal:
                choices[field] = get_args(kind)
        for field, allowed in choices.items():
            if getattr(self, field) not in allowed:
                raise ValueError(f"unknown {field} {getattr(self, field)!r}: "
                                 f"choose one of {', '.join(map(str, allowed))}")
        object.__setattr__(self, "dataset", data_set(self.dataset))
        for field, (least, most) in LIMITS.items():
            value = getattr(self, field)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                raise ValueError(f"{field} = {value!r}: it must lie in {least:,}..{most:,}")
        if not (isinstance(self.widths, list | tuple) and len(self.widths) == 3):
            raise ValueError(f"widths = {self.widths!r}: give three, such as 48, 80, 160")
        object.__setattr__(self, "widths", tuple(self.widths))
        for field, sides, least, most in (("size", (self.size,), 16, 128), ("widths", self.widths, 8, 4096)):
            if not all(type(side) is int and side in range(least, most + 1, 8) for side in sides):
                raise ValueError(f"{field} = {getattr(self, field)!r}: "
                                 f"it must be a multiple of 8, from {least} to {most}")
        if self.data_consistency != "state" and self.network != "small":
            raise ValueError(f"data_consistency = {self.data_consistency!r}: only network = 'small' is told "
                             "where a sampler started; set it to 'state'")
        if self.T is None and (self.name, self.task) == ("quick", "deblur") and channels(self.dataset) == 1:
            object.__setattr__(self, "T", 20)  # a minute is too short for the paper's 40
        self.degradation()  # raises ValueError where the task cannot have this T or size

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Recipe:
        """The recipe of a file's metadata, which may use older names and lack fields."""
        return cls(**{RENAMED.get(name, name): value for name, value in settings.items()})

    @property
    def label(self) -> str:
        """What each line of a log begins with."""
        return f"{self.task} {self.dataset}"

    @property
    def images_per_step(self) -> int:
        return self.batch * self.accumulate

    @property
    def images_seen(self) -> int:
        return self.steps * self.images_per_step

    @property
    def flips(self) -> bool:
        return channels(self.dataset) == 3 if self.flip is None else self.flip

    @property
    def scored_from(self) -> str:
        """The precision of x_T where none is named."""
        return "8bit" if self.measurement_precision == "8bit" else "float32"

    def degradation(self) -> Degradation:
        """D of this recipe."""
        options = {"pooling": self.pooling} if self.task == "superres" else {}
        return make(self.task, self.dataset, size=self.size, T=self.T, **options)

    def build(self, degrade: Degradation) -> nn.Module:
        """The network of this recipe, with fresh weights."""
        names = "measurement_precision", "data_consistency", "widths", "skips"
        options = {name: getattr(self, name) for name in names}
        return build(self.network, degrade, channels(self.dataset), time=self.time_input, **options)


COUNTS = "steps", "batch", "accumulate", "evaluate_every", "save_every"
LIMITS: dict[str, tuple[float, float]] = dict.fromkeys(COUNTS, (1, 2 ** 32 - 1)) | {
    "seed": (0, 2 ** 25 - 1),  # above, draws would repeat
    "learning_rate": (1e-12, 1e3), "clip": (0.0, 1e30), "ssim": (0.0, 1e30), "realism": (0.0, 1e30),
    "critic_penalty": (0.0, 1e30), "shift": (0, 15), "ema_half_life": (1e-9, 1.0), "rollout": (0.0, 1.0)}


PAPER = {"network": "paper", "batch": 32, "accumulate": 2, "learning_rate": 2e-5, "schedule": "constant",
         "clip": 0.0, "severities": "uniform", "ema": "paper", "precision": "float32"}

RECIPES: dict[str, dict[str, Any]] = {  # what each takes: see commands/train.py
    "smoke": {"steps": 20, "batch": 16, "evaluate_every": 10, "save_every": 10, "widths": (16, 16, 32)},
    "quick": {"steps": 450, "evaluate_every": 450, "save_every": 225, "rollout": 0.25},
    "small": {"steps": 30_000, "evaluate_every": 1_000, "save_every": 500, "rollout": 0.5,
              "data_consistency": "measurement", "cuda_graph": True},
    "report": PAPER | {"steps": 200_000, "evaluate_every": 10_000, "save_every": 1_000},
    "paper": PAPER | {"steps": 700_000, "evaluate_every": 10_000, "save_every": 1_000},
}


def recipe(name: str, task: str, dataset: str, **changes: Any) -> Recipe:
    """Return a named recipe for a task and a data set; `changes` replace single fields.

    Where no T is given, it is the paper's, but 20 where quick deblurs grey images.

    Raises:
        ValueError: unknown names or values.
    """
    if name not in list(RECIPES):
        raise ValueError(f"unknown recipe {name!r}: choose one of {', '.join(RECIPES)}")
    if unknown := changes.keys() - Recipe.__dataclass_fields__.keys():
        raise ValueError(f"a recipe has no field {', '.join(sorted(unknown))}: "
                         "see colddiff_nb.training.recipes.Recipe")
    return Recipe(**{"name": name, "task": task, "dataset": dataset} | RECIPES[name] | changes)

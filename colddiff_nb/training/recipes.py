"""How a model is trained: one frozen dataclass, and the named recipes."""
from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from torch import nn

from colddiff_nb.data.names import channels, data_set
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.degradations.tasks import MAKERS, make
from colddiff_nb.networks.building import OWN_NETWORKS, build


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training gives. The same recipe and seed give the same weights on the same machine."""

    name: str = "quick"  # the named recipe this one started from
    task: str = "superres"  # deblur, superres, inpaint, or another task that degradations.make finds
    dataset: str = "mnist5k"  # mnist, fashion, cifar10, mnist5k, photos or folder:PATH
    T: int | None = None  # severities 1..T; by default the paper's
    pooling: str = "area"  # of superres: area (the paper's tables) or bicubic (the official command line)
    network: str = "small"  # small (1 M parameters, for CPUs), paper (ConvNeXt U-Net for grey, ResNet U-Net for colour) or your own
    widths: tuple[int, int, int] = (48, 80, 160)  # channels of the small network's three levels
    time_input: bool = True  # tell the small network the severity
    skips: bool = True  # join the small network's encoder to its decoder
    measurement_precision: str = "float32"  # precision of x_T that the network is made for: float32, 8bit, or both (half of a batch each)
    steps: int = 1_000  # optimiser steps
    batch: int = 64  # images of one micro-batch, over all processes
    accumulate: int = 1  # micro-batches of one optimiser step
    loss: str = "l1"  # l1 (the paper's), or l2: less RMSE where much is unknown, and blurrier
    realism: float = 0.0  # weight of a critic's opinion in the loss, see critic.py: sharper images, more RMSE; 0 for no critic
    learning_rate: float = 1.5e-3  # of Adam
    schedule: str = "cosine"  # constant, or cosine to 0 after a warm-up over 2 % of the steps
    clip: float = 1.0  # largest norm of the gradient, 0 for no limit
    severities: str = "towards-T"  # how t is drawn: uniform (the paper), or towards-T (20 % uniform, 20 % rising in t, 60 % at T)
    rollout: float = 0.0  # share of a batch that are states of Algorithm 2, see rollout.py
    data_consistency: str = "state"  # blur, pixelation: the small network never changes what x_s tells (state), or what x_T told (measurement)
    ema: str = "every-step"  # every-step (half-life `ema_half_life`), or paper (0.995 every 10 steps, from step 2,000)
    ema_half_life: float = 0.03  # share of the steps so far
    flip: bool | None = None  # mirror images at random; by default for colour data sets only
    precision: str = "auto"  # float32, bf16, fp16 (GPUs only), or auto: bf16 for the small network where the hardware has it
    compile: bool = False  # compile the network first (torch.compile): a minute's wait, then faster on a GPU
    seed: int = 0
    evaluate_every: int = 200  # steps between scores on the fixed validation images
    save_every: int = 200  # steps between checkpoints

    def __post_init__(self) -> None:
        for field in fields(self):
            if not _is(getattr(self, field.name), str(field.type)):
                raise ValueError(f"{field.name} = {getattr(self, field.name)!r}: it must be {field.type}")
        object.__setattr__(self, "dataset", data_set(self.dataset))
        choices = {"task": MAKERS, "network": ("small", "paper", *OWN_NETWORKS), "measurement_precision": ("float32", "8bit", "both"),
                   "schedule": ("constant", "cosine"),
                   "severities": ("uniform", "towards-T"), "ema": ("every-step", "paper"), "precision": ("auto", "float32", "bf16", "fp16"),
                   "pooling": ("area", "bicubic"), "loss": ("l1", "l2"), "data_consistency": ("state", "measurement")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        for name in ("steps", "batch", "accumulate", "learning_rate", "evaluate_every", "save_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be positive")
        if any(width < 8 or width % 8 for width in self.widths):
            raise ValueError(f"widths = {self.widths}: each must be a multiple of 8")
        if self.data_consistency == "measurement" and self.network != "small":
            raise ValueError("data_consistency = 'measurement': only network = 'small' is told where a sampler started; set it to 'state'")
        if self.clip < 0:
            raise ValueError(f"clip = {self.clip}: give the largest norm of the gradient, or 0 for no limit")
        if not 0 <= self.seed < 2 ** 25 or self.steps >= 2 ** 32:  # more would repeat each other's draws
            raise ValueError(f"seed = {self.seed}, steps = {self.steps}: give a seed in 0..{2 ** 25 - 1} and less than {2 ** 32} steps")
        if not 0 < self.ema_half_life <= 1:
            raise ValueError(f"ema_half_life = {self.ema_half_life}: it is a share of the steps so far, above 0 and at most 1")
        if self.realism < 0:
            raise ValueError(f"realism = {self.realism}: give the weight of the critic's opinion, or 0 for no critic")
        if not 0 <= self.rollout <= 1:
            raise ValueError(f"rollout = {self.rollout}: it is a share of the batch, 0..1")

    @property
    def images_seen(self) -> int:
        return self.steps * self.batch * self.accumulate

    @property
    def flips(self) -> bool:
        return channels(self.dataset) == 3 if self.flip is None else self.flip

    @property
    def scored_from(self) -> str:
        """The precision of x_T that scores and pictures are taken from where none is named."""
        return "8bit" if self.measurement_precision == "8bit" else "float32"

    def degradation(self, size: int = 32) -> Degradation:
        """D of this recipe for images of a size."""
        options = {"pooling": self.pooling} if self.task == "superres" else {}
        return make(self.task, self.dataset, size=size, T=self.T, **options)

    def build(self, degrade: Degradation) -> nn.Module:
        """The network of this recipe, for the images its degradation was made for, with fresh weights."""
        options = {"measurement_precision": self.measurement_precision, "widths": self.widths, "time": self.time_input,
                   "skips": self.skips, "data_consistency": self.data_consistency}
        return build(self.network, degrade, channels(self.dataset), **options)


def _is(value: Any, kind: str) -> bool:
    """Whether a value is what a field of Recipe is annotated as."""
    if " | " in kind:
        return any(_is(value, part) for part in kind.split(" | "))
    if kind.startswith("tuple"):
        return isinstance(value, list | tuple) and len(value) == 3 and all(_is(item, "int") for item in value)
    if kind == "float":
        return _is(value, "int") or isinstance(value, float) and abs(value) <= 1e30
    return type(value).__name__ == {"None": "NoneType"}.get(kind, kind)


PAPER = {"network": "paper", "batch": 32, "accumulate": 2, "learning_rate": 2e-5, "schedule": "constant", "clip": 0.0,
         "severities": "uniform", "ema": "paper", "precision": "float32"}

RECIPES: dict[str, dict] = {
    "smoke": {"steps": 20, "batch": 16, "evaluate_every": 10, "save_every": 10, "widths": (16, 16, 32)},  # seconds: tests
    "quick": {"steps": 450, "evaluate_every": 450, "save_every": 225, "rollout": 0.25},  # about a minute on two CPU cores
    "small": {"steps": 30_000, "evaluate_every": 1_000, "save_every": 500, "rollout": 0.5,  # an hour of CPU, minutes of GPU
              "data_consistency": "measurement"},
    "report": PAPER | {"steps": 200_000, "evaluate_every": 10_000, "save_every": 1_000},  # the course report
    "paper": PAPER | {"steps": 700_000, "evaluate_every": 10_000, "save_every": 1_000},  # the paper: 45 M images
}


def recipe(name: str, task: str, dataset: str, **changes) -> Recipe:
    """A named recipe for a task and a data set; `changes` replace single fields. Raises ValueError for unknown names or values."""
    if not isinstance(name, str) or name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}: choose one of {', '.join(RECIPES)}")
    unknown = set(changes) - set(Recipe.__dataclass_fields__)
    if unknown:
        raise ValueError(f"a recipe has no field {', '.join(sorted(unknown))}: see colddiff_nb.training.recipes.Recipe")
    return replace(Recipe(name=name, task=task, dataset=dataset, **RECIPES[name]), **changes)

"""The state of one training and its folder: started, resumed, scored, saved, exported.

<folder>/step-*.pt    the two newest checkpoints: networks, optimiser, scaler, step, curve, recipe, data set
<folder>/curve.csv    a row per evaluation: written with each checkpoint, and cut back to it on resuming
<folder>/weights.safetensors    the EMA weights, with recipe and provenance, once training has ended
"""
from __future__ import annotations

import copy
import csv
import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from colddiff_nb.data import Images, channels, to_float
from colddiff_nb.data.names import PREFIX
from colddiff_nb.storage import checkpoint, runtime
from colddiff_nb.storage.files import MEND, CheckpointError, explained, replace, usable
from colddiff_nb.training.critic import Critic
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.rollout import Rollout

OnEvaluate = Callable[[int, nn.Module], dict[str, float]]


class Run:
    """Holds the state of a training; `parts` are what has a state_dict of its own."""

    def __init__(self, recipe: Recipe, images: Images, folder: Path, device: torch.device,
                 init: str | Path | None, resume_from: str | Path | None, log: Callable[[str], object],
                 scaler: Any = None):
        self.recipe, self.images, self.folder, self.log = recipe, images, folder, log
        shape = channels(recipe.dataset), recipe.size, recipe.size
        if images.pixels.shape[1:] != shape:
            raise ValueError(f"images are (C, H, W) = {tuple(images.pixels.shape[1:])}, and the recipe's "
                             f"{shape}: put their size and a data set like them into it")

        # What is trained.
        self.degrade = recipe.degradation().to(device)
        torch.manual_seed(recipe.seed)
        network: Any = recipe.build(self.degrade).to(device)
        self.network: nn.Module = network
        if device.type == "cuda":  # on CPUs bfloat16 is faster without
            network.to(memory_format=torch.channels_last)
        if recipe.network == "small":
            network.precondition.fit(self.degrade, to_float(images.pixels[:1_000].to(device)))
        self.init = self.load_init(init) if init else None
        self.ema: nn.Module = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), recipe.learning_rate, fused=True)
        bfloat16 = runtime.mixed_precision(recipe.precision, recipe.network) == "bf16"
        self.critic = (Critic(shape[0], recipe.size, device, bfloat16, recipe.critic_penalty)
                       if recipe.realism else None)
        places = round(recipe.rollout * recipe.images_per_step)
        self.rollout = Rollout(places, self.degrade, shape[0], device)
        parts: dict[str, Any] = {"network": self.network, "ema": self.ema, "optimizer": self.optimizer,
                                 "scaler": scaler, "critic": self.critic, "rollout": self.rollout}
        self.parts = {name: part for name, part in parts.items() if part is not None}

        # How far it is.
        self.step = 0
        self.rows: list[dict[str, float]] = []
        self.loss_sum, self.loss_count = torch.zeros((), device=device), 0  # since the last row of the curve
        self.began = time.monotonic()  # less the seconds of earlier processes
        self.resume(Path(resume_from) if resume_from else None)

    @property
    def mean_loss(self) -> float:
        return float(self.loss_sum) / max(1, self.loss_count)

    def load_init(self, path: str | Path) -> dict[str, Any]:
        """Start from published weights; returns where they come from."""
        weights, metadata = checkpoint.load_weights(path)
        with usable(path):
            mine, theirs = ({"task": made.task, "network": made.network, "widths": made.widths,
                             "channels": channels(made.dataset), "size": made.size}
                            for made in (self.recipe, Recipe.from_dict(metadata["recipe"])))
        if differing := differences(mine, theirs):
            raise ValueError(f"{path} cannot start this training: {differing}")
        with usable(path):
            self.network.load_state_dict(weights)
            return {name: metadata[name] for name in ("checksum", "images_seen", "init")}

    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to go on as this training."""
        return {"recipe": asdict(self.recipe), "data": self.images.provenance, "init": self.init}

    def resume(self, other: Path | None) -> None:
        """Go on from the newest checkpoint in the run's folder and another, if there is one."""
        found = [(*newest, folder) for folder in (self.folder, other)
                 if folder and (newest := checkpoint.newest(folder, log=self.log))]
        if not found:
            if other:
                raise CheckpointError(f"there is no checkpoint in {other}: "
                                      "check the path, or leave it out to start at step 0")
            return
        step, state, folder = max(found, key=lambda item: item[0])
        self.check_same_training(folder, state)
        with usable(folder):
            checkpoint.load_adam(self.optimizer, state["optimizer"])
            for name, part in self.parts.items():
                if part is not self.optimizer:
                    part.load_state_dict(state[name])
            self.loss_sum.copy_(state["loss_sum"])
            self.step, self.loss_count, self.rows = step, state["loss_count"], state["rows"]
            self.began -= state["seconds"]
        self.log(f"resumed at step {step} from {folder}")

    def check_same_training(self, folder: Path, state: dict[str, Any]) -> None:
        """Raise ValueError if a checkpoint belongs to another training."""
        with usable(folder):
            recipe = Recipe.from_dict(state["identity"]["recipe"])
            mine, theirs = flatten(self.identity()), flatten(state["identity"] | {"recipe": asdict(recipe)})
        may_differ = ["recipe.cuda_graph"]  # which changes the speed only
        if recipe.images_per_step == self.recipe.images_per_step:  # for a GPU with less memory
            may_differ += ["recipe.batch", "recipe.accumulate"]
        if recipe.dataset.startswith(PREFIX) and self.recipe.dataset.startswith(PREFIX):
            may_differ += ["recipe.dataset", "data.name"]  # a folder is its images: it may have moved
        if differing := differences(mine, theirs | {name: mine[name] for name in may_differ}):
            raise ValueError(f"{folder} holds another training ({differing}): resume it as it was, or choose "
                             "another folder; its weights can start this one, --init WEIGHTS --run NEW")

    def evaluate(self, on_evaluate: OnEvaluate | None) -> None:
        """Add a row to the curve: the mean loss since the last row, and what on_evaluate says of the EMA."""
        row = {"step": self.step, "images": self.step * self.recipe.images_per_step, "loss": self.mean_loss}
        try:
            if on_evaluate:
                row |= {name: float(value) for name, value in on_evaluate(self.step, self.ema).items()}
        except OSError as error:  # a full disk, say: the next save works, or rescues the run
            self.log(f"no scores at step {self.step}, training goes on: {error}")
        row["seconds"] = round(time.monotonic() - self.began, 1)
        self.rows.append(row)
        self.loss_sum.zero_()
        self.loss_count = 0
        said = [f"{name} {value:{',.0f' if value >= 1000 else '.4g'}}" for name, value in row.items()]
        self.log("  ".join([self.recipe.label, *said]))

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds: all that the next step depends on."""
        return {"identity": self.identity(), "rows": self.rows, "seconds": time.monotonic() - self.began,
                "device": runtime.device_name(), "loss_sum": self.loss_sum, "loss_count": self.loss_count,
                **{name: part.state_dict() for name, part in self.parts.items()}}

    def save(self) -> None:
        """Write a checkpoint and the curve; if the folder cannot be written, save elsewhere and say so."""
        try:
            checkpoint.save(self.folder, self.step, self.state())
            self.write_curve()
        except CheckpointError as error:
            try:
                rescue = Path(tempfile.mkdtemp(prefix=f"colddiff-{self.folder.name}-"))
                checkpoint.save(rescue, self.step, self.state())
            except OSError:
                raise error from None
            raise CheckpointError(f"{error}; step {self.step} was saved in {rescue}: "
                                  f"go on in another folder with --run NEW --resume-from {rescue}") from error

    def write_curve(self) -> None:
        """Write the rows so far, and none of after the checkpoint that the run goes on from."""
        text, columns = io.StringIO(), dict.fromkeys(name for row in self.rows for name in row)
        writer = csv.DictWriter(text, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with explained(self.folder, MEND):
            replace(self.folder / "curve.csv", text.getvalue().encode())


def export(path: Path, step: int, state: dict[str, Any]) -> None:
    """Write the EMA weights in the state of a step, with all that says where they come from."""
    recipe, init = Recipe.from_dict(state["identity"]["recipe"]), state["identity"]["init"]
    images_seen = step * recipe.images_per_step + (init["images_seen"] if init else 0)
    metadata = state["identity"] | {
        "step": step, "images_seen": images_seen, "size": recipe.size,
        "last_row": state["rows"][-1] if state["rows"] else {}, "seconds": state["seconds"],
        "device": state.get("device")}  # which older checkpoints do not name
    checkpoint.export_weights(path, state["ema"], metadata, keep=("precondition.",))


def differences(mine: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Every field that differs, by name; empty where none does."""
    return "; ".join(f"{name}: {theirs.get(name)} there, {mine.get(name)} here"
                     for name in sorted(mine | theirs) if mine.get(name) != theirs.get(name))


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name fields by their path: {"recipe": {"seed": 0}} -> {"recipe.seed": 0}."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat

"""The state of one training and its folder: started, resumed, scored, saved, exported.

<folder>/step-*.pt    the two newest checkpoints: network, EMA, optimiser, scaler, step, curve, recipe, data set
<folder>/curve.csv    one row per evaluation; written from the checkpoint's own rows, so that both always agree
<folder>/weights.safetensors    the EMA weights, with recipe and provenance, once training has ended
"""
from __future__ import annotations

import copy
import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from colddiff_nb.data.loading import Images
from colddiff_nb.data.names import PREFIX, channels
from colddiff_nb.data.pixels import to_float
from colddiff_nb.storage import checkpoint, runtime
from colddiff_nb.storage.aliases import current_names
from colddiff_nb.storage.files import MEND, CheckpointError, explained, replace, usable
from colddiff_nb.training.critic import Critic
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.rollout import Rollout

OnEvaluate = Callable[[int, nn.Module], dict[str, float]]


class Run:
    def __init__(self, recipe: Recipe, images: Images, folder: Path, device: torch.device, init: str | Path | None,
                 resume_from: str | Path | None, log: Callable[[str], None],
                 check_lock: Callable[[], None] = lambda: None):
        self.recipe, self.images, self.folder, self.log, self.check_lock = recipe, images, folder, log, check_lock
        if images.pixels.shape[1] != channels(recipe.dataset):
            raise ValueError(f"images have {images.pixels.shape[1]} channels, and those of {recipe.dataset} "
                             f"have {channels(recipe.dataset)}: name a data set like them in the recipe")
        self.degrade = recipe.degradation(images.pixels.shape[-1]).to(device)
        torch.manual_seed(recipe.seed)
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format  # on CPUs bfloat16 is a tenth faster so
        self.network = recipe.build(self.degrade).to(device, memory_format=layout)  # type: ignore[call-overload]
        if recipe.network == "small":
            self.network.precondition.fit(self.degrade, to_float(images.pixels[:1_000].to(device)))
        self.init = self.load_init(init) if init else None
        self.ema = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), recipe.learning_rate, fused=device.type in ("cpu", "cuda"))
        bfloat16 = runtime.mixed_precision(recipe.precision, recipe.network) == "bf16"
        self.critic = Critic(images.pixels.shape[1], self.degrade.size, device, bfloat16) if recipe.realism else None
        walking = round(recipe.rollout * recipe.batch * recipe.accumulate)
        self.rollout = Rollout(walking, self.degrade, images.pixels.shape[1], device)
        self.step, self.seconds, self.rows = 0, 0.0, []  # type: int, float, list[dict[str, float]]
        self.loss_sum, self.loss_count = torch.zeros((), device=device), 0  # since the last row of the curve
        self.scaler: dict[str, Any] = {}
        self.moved = False  # whether it goes on from another folder's checkpoint
        self.resume([folder, Path(resume_from)] if resume_from else [folder])

    def load_init(self, path: str | Path) -> dict[str, Any]:
        """Start from published weights; returns where they come from."""
        weights, metadata = checkpoint.load_weights(path)
        with usable(path):
            mine, theirs = asdict(self.recipe), {"widths": None, **metadata["recipe"]}
            for fields in (mine, theirs):
                fields["channels"] = channels(fields["dataset"])
            names = ("task", "network", "widths", "channels")
            differing = differences(*({name: fields[name] for name in names} for fields in (mine, theirs)))
        if differing:
            raise ValueError(f"{path} cannot start this training: {differing}")
        with usable(path):
            self.network.load_state_dict(weights)
            return {"checksum": metadata["checksum"], "images_seen": metadata["images_seen"], "init": metadata["init"]}

    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to go on as this training."""
        return {"recipe": asdict(self.recipe), "data": self.images.provenance, "init": self.init}

    def resume(self, folders: list[Path]) -> None:
        """Go on from the newest checkpoint in the run's own folder, or in the other one that was named, if there is one."""
        found = [(*newest, folder) for folder in folders if (newest := checkpoint.newest(folder, log=self.log))]
        if not found and folders[1:]:
            raise CheckpointError(f"there is no checkpoint in {folders[1]}: check the path, or leave it out to start at step 0")
        if not found:
            return
        step, state, folder = max(found, key=lambda item: item[0])
        with usable(folder):
            recipe = asdict(Recipe()) | current_names(state["identity"]["recipe"])  # a setting younger than the training had its default
            mine, theirs = flatten(self.identity()), flatten(state["identity"] | {"recipe": recipe})
            if theirs["recipe.batch"] * theirs["recipe.accumulate"] == self.recipe.batch * self.recipe.accumulate:
                # a smaller micro-batch, for a GPU with less memory, is the same training
                theirs |= {name: mine[name] for name in ("recipe.batch", "recipe.accumulate")}
            if all(sides["recipe.dataset"].startswith(PREFIX) for sides in (mine, theirs)):
                # a folder is its images: it may have been moved, renamed or written in another way
                theirs |= {name: mine[name] for name in ("recipe.dataset", "data.name")}
        if differing := differences(mine, theirs):
            ended = step == theirs["recipe.steps"] < self.recipe.steps
            if ended and not differences(mine | {"recipe.steps": step}, theirs):
                raise ValueError(f"{folder} has ended after its {step} steps: for more, start from its "
                                 f"weights, --init {folder / 'weights.safetensors'} --run NEW")
            raise ValueError(f"{folder} holds another training ({differing}): resume it as it was, or choose another folder")
        with usable(folder):
            self.network.load_state_dict(state["network"])
            self.ema.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.critic:
                self.critic.load_state_dict(state["critic"])
            self.step, self.seconds, self.rows, self.scaler = step, state["seconds"], state["rows"], state["scaler"]
            self.loss_sum.copy_(state["loss_sum"])
            self.rollout.state |= {name: values.to(self.rollout.state[name].device) for name, values in state["rollout"].items()}
            self.loss_count = state["loss_count"]
        self.moved = folder != self.folder
        self.log(f"resumed at step {step} from {folder}")

    @property
    def mean_loss(self) -> float:
        return float(self.loss_sum) / max(1, self.loss_count)

    def evaluate(self, on_evaluate: OnEvaluate | None, seconds: float) -> None:
        """Add a row to the curve: the mean loss since the last row, and what on_evaluate says of the EMA network.

        Where files cannot be written just now, training goes on: the next save works again, or rescues the run.
        """
        scores: dict[str, float] = {}
        try:
            scores = on_evaluate(self.step, self.ema) if on_evaluate else {}
        except OSError as error:
            self.log(f"no scores at step {self.step}, training goes on: {error}")
        images = self.step * self.recipe.batch * self.recipe.accumulate
        self.rows.append({"step": self.step, "images": images, "loss": self.mean_loss, **scores,
                          "seconds": round(self.seconds + seconds, 1)})
        self.loss_sum.zero_()
        self.loss_count = 0
        self.log("  ".join(f"{name} {value:.4g}" for name, value in self.rows[-1].items()))
        try:
            self.write_curve()
        except CheckpointError as error:
            self.log(f"no curve at step {self.step}, training goes on: {error}")

    def write_curve(self) -> None:
        """The rows so far, and none that a killed run wrote after its last checkpoint."""
        text, path = io.StringIO(), self.folder / "curve.csv"
        columns = dict.fromkeys(name for row in self.rows for name in row)
        writer = csv.DictWriter(text, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        self.check_lock()
        with explained(self.folder, MEND):
            if self.rows:
                replace(path, lambda file: file.write(text.getvalue().encode()))
            else:
                path.unlink(missing_ok=True)

    def save(self, seconds: float) -> None:
        """Write a checkpoint; where the folder cannot be written, rescue it into the temporary folder and say so."""
        with self.rescued(seconds):
            checkpoint.save(self.folder, self.step, self.state(seconds))

    def state(self, seconds: float) -> dict[str, Any]:
        return {"identity": self.identity(), "network": self.network.state_dict(), "ema": self.ema.state_dict(),
                "optimizer": self.optimizer.state_dict(), "critic": self.critic.state_dict() if self.critic else {},
                "scaler": self.scaler, "rows": self.rows, "loss_sum": self.loss_sum,
                "rollout": self.rollout.state, "loss_count": self.loss_count, "seconds": self.seconds + seconds}

    @contextmanager
    def rescued(self, seconds: float) -> Iterator[None]:
        """If the folder cannot be written, or another process took it over, save in the temporary folder and say how to go on."""
        try:
            self.check_lock()
            yield
        except CheckpointError as error:
            try:
                rescue = Path(tempfile.mkdtemp(prefix=f"colddiff-{self.folder.name}-"))
                checkpoint.save(rescue, self.step, self.state(seconds))
            except OSError:
                raise CheckpointError(f"{error} (the temporary folder cannot be used either: step {self.step} is not saved there)") from error
            raise CheckpointError(f"{error}; step {self.step} was saved in {rescue}: "
                                  f"go on in another folder with --run NEW --resume-from {rescue}") from error

    def export(self, seconds: float) -> None:
        """Write the EMA weights with all that says where they come from."""
        images_seen = self.recipe.images_seen + (self.init["images_seen"] if self.init else 0)
        metadata = self.identity() | {"step": self.step, "images_seen": images_seen, "size": self.degrade.size,
                                      "last_row": self.rows[-1], "seconds": self.seconds + seconds}
        with self.rescued(seconds):
            checkpoint.export_weights(self.folder / "weights.safetensors", self.ema.state_dict(), metadata, keep=("precondition.",))


def differences(mine: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Every field that differs, by name; empty where none does."""
    return "; ".join(f"{name}: {theirs.get(name)} there, {mine.get(name)} here"
                     for name in sorted(mine | theirs) if not same(mine.get(name), theirs.get(name)))


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"recipe": {"seed": 0}} -> {"recipe.seed": 0}"""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def same(a: Any, b: Any) -> bool:
    """Equal, where JSON may have made a list of a tuple."""
    return list(a) == list(b) if isinstance(a, list | tuple) and isinstance(b, list | tuple) else a == b

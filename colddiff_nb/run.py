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
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from colddiff_nb import checkpoint
from colddiff_nb.data import Images, to_float
from colddiff_nb.files import CheckpointError, replace
from colddiff_nb.networks import build
from colddiff_nb.recipes import Recipe

OnEvaluate = Callable[[int, nn.Module], dict[str, float]]


class Run:
    def __init__(self, recipe: Recipe, images: Images, folder: Path, device: torch.device, init: str | Path | None,
                 resume_from: str | Path | None, log: Callable[[str], None]):
        self.recipe, self.images, self.folder, self.log = recipe, images, folder, log
        self.degrade = recipe.degradation(images.pixels.shape[-1]).to(device)
        torch.manual_seed(recipe.seed)
        self.network = build(recipe, self.degrade).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.network == "small":
            self.network.precondition.fit(self.degrade, to_float(images.pixels[:1_000].to(device)))
        self.init = self.load_init(init) if init else None
        self.ema = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), recipe.learning_rate, fused=device.type in ("cpu", "cuda"))
        self.step, self.seconds, self.rows = 0, 0.0, []  # type: int, float, list[dict[str, float]]
        self.loss_sum, self.loss_count = torch.zeros((), device=device), 0  # since the last row of the curve
        self.scaler: dict[str, Any] = {}
        self.resume(folder)
        if resume_from and not self.step:
            self.resume(Path(resume_from))

    def load_init(self, path: str | Path) -> dict[str, Any]:
        """Start from published weights; returns where they come from."""
        weights, metadata = checkpoint.load_weights(path)
        differing = [f"{name}: {metadata['recipe'].get(name)} there, {getattr(self.recipe, name)} here"
                     for name in ("task", "network", "widths") if not same(metadata["recipe"].get(name), getattr(self.recipe, name))]
        if differing:
            raise ValueError(f"{path} cannot start this training: {'; '.join(differing)}")
        self.network.load_state_dict(weights)
        return {"checksum": metadata["checksum"], "images_seen": metadata["images_seen"], "init": metadata["init"]}

    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to go on as this training."""
        return {"recipe": asdict(self.recipe), "data": self.images.provenance, "init": self.init}

    def resume(self, folder: Path) -> None:
        found = checkpoint.newest(folder, log=self.log)
        if found is None:
            return
        step, state = found
        mine, theirs = flatten(self.identity()), flatten(state["identity"])
        differing = [f"{name}: {theirs.get(name)} there, {mine.get(name)} here"
                     for name in sorted(mine | theirs) if not same(mine.get(name), theirs.get(name))]
        if differing:
            raise ValueError(f"{folder} holds another training ({'; '.join(differing)}): resume it as it was, or choose another folder")
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.rows, self.scaler = step, state["seconds"], state["rows"], state["scaler"]
        self.loss_sum.copy_(state["loss_sum"])
        self.loss_count = state["loss_count"]
        self.write_curve()
        self.log(f"resumed at step {step} from {folder}")

    @property
    def mean_loss(self) -> float:
        return float(self.loss_sum) / max(1, self.loss_count)

    def evaluate(self, on_evaluate: OnEvaluate | None, seconds: float) -> None:
        """Add a row to the curve: the mean loss since the last row, and what on_evaluate says of the EMA network."""
        scores = on_evaluate(self.step, self.ema) if on_evaluate else {}
        images = self.step * self.recipe.batch * self.recipe.accumulate
        self.rows.append({"step": self.step, "images": images, "loss": self.mean_loss, **scores, "seconds": round(self.seconds + seconds, 1)})
        self.loss_sum.zero_()
        self.loss_count = 0
        self.log("  ".join(f"{name} {value:.4g}" for name, value in self.rows[-1].items()))
        self.write_curve()

    def write_curve(self) -> None:
        text = io.StringIO()
        columns = dict.fromkeys(name for row in self.rows for name in row)
        writer = csv.DictWriter(text, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        replace(self.folder / "curve.csv", lambda file: file.write(text.getvalue().encode()))

    def save(self, seconds: float) -> None:
        """Write a checkpoint; where the folder cannot be written, rescue it into the temporary folder and say so."""
        state = {"identity": self.identity(), "network": self.network.state_dict(), "ema": self.ema.state_dict(),
                 "optimizer": self.optimizer.state_dict(), "scaler": self.scaler, "rows": self.rows, "loss_sum": self.loss_sum,
                 "loss_count": self.loss_count, "seconds": self.seconds + seconds}
        try:
            checkpoint.save(self.folder, self.step, state)
        except CheckpointError as error:
            rescue = Path(tempfile.mkdtemp(prefix=f"colddiff-{self.folder.name}-"))
            checkpoint.save(rescue, self.step, state)
            raise CheckpointError(f"{error}; step {self.step} was saved in {rescue}: "
                                             f"go on in another folder with --run NEW --resume-from {rescue}") from error

    def export(self) -> None:
        """Write the EMA weights with all that says where they come from."""
        images_seen = self.recipe.images_seen + (self.init["images_seen"] if self.init else 0)
        metadata = self.identity() | {"step": self.step, "images_seen": images_seen, "size": self.degrade.size,
                                      "last_row": self.rows[-1], "seconds": self.seconds}
        checkpoint.export_weights(self.folder / "weights.safetensors", self.ema.state_dict(), metadata, keep=("precondition.",))


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"recipe": {"seed": 0}} -> {"recipe.seed": 0}"""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def same(a: Any, b: Any) -> bool:
    """Equal, where JSON may have made a list of a tuple."""
    return list(a) == list(b) if isinstance(a, list | tuple) and isinstance(b, list | tuple) else a == b

"""`train`, `export`, `demo` and `report`."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from colddiff_nb.commands.common import Shared, what_is_next
from colddiff_nb.data import short_name
from colddiff_nb.storage import runtime
from colddiff_nb.storage.checkpoint import newest
from colddiff_nb.training import loop
from colddiff_nb.training.recipes import RECIPES, Recipe, recipe
from colddiff_nb.training.run import export
from colddiff_nb.training.validation import validation_scores

NAMED = {name: recipe(name, "superres", "mnist5k") for name in RECIPES}
if TYPE_CHECKING:
    NamedRecipe = Recipe
else:  # a choice on the command line, each field of which can be changed
    NamedRecipe = tyro.extras.subcommand_type_from_defaults(NAMED, descriptions={
        "smoke": "Seconds; for tests.",
        "quick": "About a minute on two CPU cores.",
        "small": "The small network: an hour of CPU, minutes of GPU.",
        "report": "The course report: the paper's network, 200,000 steps.",
        "paper": "The paper: 700,000 steps."})


@dataclass
class Train(Shared):
    """Train a recipe, or go on where its run folder stopped: the same command resumes."""

    recipe: NamedRecipe = NAMED["quick"]
    run: Path | None = None
    """Folder of checkpoints and curve; by default runs/RECIPE-TASK-DATASET, then -SIZE if it is not 32."""
    init: Path | None = None
    """Weights file to start from."""
    resume_from: Path | None = None
    """Another run's folder to go on from, when this one has no checkpoint."""
    until: int | None = None
    """Stop after this step for now."""
    tracker: str | None = None
    """Also send the rows of curve.csv to tensorboard, wandb or another tracker of Accelerate's."""

    def __call__(self) -> None:
        chosen, steps = self.recipe, self.recipe.steps
        images = short_name(chosen.dataset, chosen.size)
        folder = self.run or Path("runs", f"{chosen.name}-{chosen.task}-{images}")
        say(f"train {chosen.name}: {chosen.task} on {chosen.dataset}",
            f"{steps:,} steps of {chosen.images_per_step} images on {runtime.device()}",
            f"in {folder}: stop it by Ctrl-C, and the same command goes on")
        loop.train(chosen, folder, data_root=self.data, init=self.init, resume_from=self.resume_from,
                   until=self.until, tracker=self.tracker, on_evaluate=validation_scores(chosen, self.data))
        weights = folder / "weights.safetensors"
        if self.until is not None and self.until < steps:
            say(f"stopped before its {steps:,} steps, by --until {self.until}: "
                "the same command without it goes on", what_is_next("export", folder))
        else:
            say(f"wrote {weights}", what_is_next("evaluate", weights, data=self.data, plugin=self.plugin))


def say(*lines: str) -> None:
    """Print lines, in one process of those that train together."""
    if os.environ.get("RANK", "0") == "0":
        print(*lines, sep="\n", flush=True)


@dataclass
class Export:
    """Make weights of a training that was stopped, from its newest checkpoint."""

    run: Annotated[Path, tyro.conf.Positional]
    """A run folder, such as runs/small-deblur-mnist."""
    output: Path | None = None
    """The file to write; by default weights.safetensors in that folder."""

    def __call__(self) -> None:
        found = newest(self.run)
        if found is None:
            raise FileNotFoundError(f"there is no checkpoint in {self.run}: name the folder of a training")
        step, state = found
        path = self.output or self.run / "weights.safetensors"
        export(path, step, state)
        print(f"wrote {path}, of step {step:,} of {state['identity']['recipe']['steps']:,}")
        print(what_is_next("evaluate", path))


@dataclass
class Demo:
    """What `make run` does: three quick trainings on 5,000 real digits, a table and pictures."""

    recipe: str = "quick"
    runs: Path = Path("runs")

    def __call__(self) -> None:
        from colddiff_nb.notebook.demo import main
        main(self.runs, self.recipe)


@dataclass
class Report:
    """Print what this machine is, to paste into an issue."""

    def __call__(self) -> None:
        print(runtime.report())

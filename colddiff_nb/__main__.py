"""The notebook-free way: python -m colddiff_nb restore | train | evaluate | table | demo | report."""
from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from colddiff_nb.commands.common import at_least_1, changed, check_severity, images_for
from colddiff_nb.commands.restore import Restore
from colddiff_nb.storage import runtime
from colddiff_nb.training.recipes import RECIPES, Recipe, recipe

if TYPE_CHECKING:
    NamedRecipe = Recipe
else:  # a choice of the named recipes on the command line, each field of which can be changed
    NamedRecipe = tyro.extras.subcommand_type_from_defaults(
        {name: recipe(name, "superres", "mnist5k") for name in RECIPES},
        descriptions={"smoke": "Seconds; for tests.", "quick": "About a minute on two CPU cores.",
                      "small": "The small network: an hour of CPU, minutes of GPU.",
                      "report": "The course report: the paper's network, 200,000 steps.",
                      "paper": "The paper: 700,000 steps."})


@dataclass
class Train:
    """Train a recipe, or go on where its run folder stopped: the same command resumes."""

    recipe: NamedRecipe = field(default_factory=lambda: recipe("quick", "superres", "mnist5k"))
    run: Path | None = None
    """Folder of checkpoints and curve; by default runs/RECIPE-TASK-DATASET, then -SIZE where it is not 32.

    For folder:PATH it bears a checksum of the images."""
    data: Path | None = None
    """Where the data sets are, or are downloaded to; by default data/ in a clone, else your data folder."""
    init: Path | None = None
    """Weights file to start from."""
    resume_from: Path | None = None
    """Another run's folder to go on from, when this one has no checkpoint."""
    until: int | None = None
    """Stop after this step for now."""
    tracker: str | None = None
    """Also send the rows of curve.csv to tensorboard, wandb, trackio or another tracker of Accelerate's."""

    def __call__(self) -> None:
        from colddiff_nb.data.loading import short_name
        from colddiff_nb.training.loop import train
        from colddiff_nb.training.validation import validation_scores
        at_least_1(until=self.until)
        chosen = self.recipe
        images = short_name(chosen.dataset, chosen.size)
        folder = self.run or Path("runs", f"{chosen.name}-{chosen.task}-{images}")
        train(self.recipe, folder, data_root=self.data, init=self.init, resume_from=self.resume_from,
              until=self.until, tracker=self.tracker, on_evaluate=validation_scores(self.recipe, self.data))


@dataclass
class Evaluate:
    """Score a weights file on a split and record every cell in metrics.json beside it.

    What shipped weights score goes to runs/shipped-NAME.
    """

    weights: Annotated[Path, tyro.conf.Positional]
    """A weights.safetensors file, or the name of a shipped model, such as superres-mnist."""
    data: Path | None = None
    dataset: str | None = None
    """By default the set it was trained on."""
    split: Literal["test", "validation"] = "test"
    measurement_precision: Literal["float32", "8bit"] = "float32"
    T: int | None = None
    """Start from a lower severity than the network was trained for."""
    size: int | None = None
    """By default that of the weights. Only networks for masks take images of another size."""
    methods: tuple[str, ...] = ("degraded", "direct", "algorithm1", "algorithm2")
    n: int | None = None
    """Score that many images, spread evenly over the split."""
    fid: bool = False
    """Compute FID too: downloads the 2015 Inception weights (91 MB), minutes per set on a GPU."""
    batch: int = 100

    def __call__(self) -> None:
        import pandas  # noqa: F401  (the table needs it: better missed now than after the scoring)

        from colddiff_nb.metrics import load_inception
        from colddiff_nb.metrics.evaluation import Judges, evaluate, markdown, table
        from colddiff_nb.weights.pretrained import SHIPPED, load_model, weights_file
        at_least_1(batch=self.batch, n=self.n)
        network, degrade, metadata = load_model(self.weights)
        check_severity("T", self.T, degrade.T)
        degrade = changed(degrade, network, T=self.T, size=self.size)
        images = images_for(metadata, self.weights, self.dataset, self.split, self.data, degrade.size)
        path, here = weights_file(self.weights).resolve(), runtime.device()
        folder = self.weights.parent
        if path.parent == SHIPPED:  # which is part of the package
            folder = Path("runs", f"shipped-{path.stem}")
            print(f"shipped weights: the scores are kept in {folder}")
        judges = Judges()
        if self.fid:
            inception, why = load_inception(device=here)
            judges = Judges(inception=inception, why=why)
        scored = evaluate((network.to(here), degrade.to(here), metadata), images, folder,
                          methods=self.methods, n=self.n, batch=self.batch, judges=judges,
                          measurement_precision=self.measurement_precision)
        print(markdown(table(scored)))


@dataclass
class Table:
    """Print the table of one or more run folders, or the rows of the paper's tables that need no network."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    degraded: bool = False
    """Degraded test images of mnist and cifar10, scored anew."""
    data: Path | None = None

    def __call__(self) -> None:
        from colddiff_nb.metrics.evaluation import degraded_rows, markdown, table
        if not self.folders and not self.degraded:
            raise ValueError("no folders were given: "
                             "name run folders that hold a metrics.json, or --degraded")
        print(markdown(degraded_rows(self.data) if self.degraded else table(self.folders)))


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


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    command = tyro.cli(
        Restore | Train | Evaluate | Table | Demo | Report,
        args=arguments, prog="python -m colddiff_nb", description=__doc__,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes, tyro.conf.CascadeSubcommandArgs,
                tyro.conf.FlagCreatePairsOff))
    try:
        command()
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f'error: {error}: pip install "colddiff_nb[cli]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

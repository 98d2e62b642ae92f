"""`restore`: pictures of one's own, or images of a data set, degraded and brought back."""
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import torch
import tyro
from torch import Tensor

from colddiff_nb.commands.common import Shared, with_options
from colddiff_nb.commands.pictures import EXAMPLE, MARK, film, find_pictures, measurement, scaled
from colddiff_nb.data import channels, load, short_name, to_float
from colddiff_nb.data.own_digit import in_colour, is_digit
from colddiff_nb.data.own_image import open_image
from colddiff_nb.degradations import measure
from colddiff_nb.degradations.tasks import IN_WORDS
from colddiff_nb.metrics import rmse
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.storage.runtime import true_float32
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.weights.pretrained import Model, load_model, load_pretrained

Method = Literal["direct", "algorithm1", "algorithm2"]


@dataclass
class Restore(Shared):
    """Degrade a picture of yours and bring it back in three ways: writes a PNG and a GIF beside it.

    The networks know 32 x 32 pixels: the central square of a picture is scaled to that.
    """

    pictures: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Image files, or folders of them; by default a photograph inside the package."""
    task: Literal["auto", "deblur", "superres", "inpaint"] = "auto"
    """auto is deblur for photographs, superres for digits."""
    model: Literal["auto", "mnist", "cifar10"] = "auto"
    """mnist restores grey digits, cifar10 photographs; auto looks whether a picture is a digit."""
    severity: int | None = None
    """How much is degraded, from 1; by default the most that the network knows."""
    methods: Annotated[tuple[Method, ...], tyro.conf.arg(aliases=["--method"])] = get_args(Method)
    """The ways to restore."""
    weights: Path | None = None
    """Your own weights.safetensors. Without a picture: restores images of their data set."""
    measured: bool = False
    """The file is a measurement x_T already, of 8 bits: nothing is degraded."""
    mask_centre: tuple[int, int] | None = None
    """Row and column of a mask's centre; by default drawn by the seed."""
    size: int | None = None
    """Pixels a side, by default those of the weights. Only inpaint takes others; masks stay as wide."""
    measurement_precision: Literal["auto", "float32", "8bit"] = "auto"
    """8bit rounds as an image file does; auto is what the weights were made for."""
    dataset: str | None = None
    """Restore test images of mnist, fashion, cifar10, mnist5k, photos or folder:PATH."""
    n: int | None = None
    """That many: of a data set's images (by default 8), of a folder's pictures (all)."""
    seed: int = 0
    """Of what is random in a degradation."""
    output: Path | None = None
    """Folder for what is written; by default that of the picture, or the working folder."""

    def __call__(self) -> None:
        of_data_set = self.dataset or self.weights and not self.pictures
        if of_data_set and (self.pictures or self.model != "auto"):
            raise ValueError("images of a data set have their own model: leave out the pictures and --model")
        if self.n is not None and self.n < 1:
            raise ValueError(f"--n {self.n}: it must be at least 1")
        if self.measured:
            if not self.pictures:
                raise ValueError("--measured needs a picture: name the file that was measured")
            if self.measurement_precision == "float32":
                raise ValueError("--measured takes a file of 8 bits: leave out --measurement-precision")
            self.measurement_precision = "8bit"
        if of_data_set:
            self._restore_data_set()
        else:
            self._restore_pictures()
        print("\nnext: look at the .gif, then try another --task, or a smaller --severity")

    def _restore_pictures(self) -> None:
        """Restore files one by one; name those that fail."""
        paths = find_pictures(self.pictures)[:self.n] if self.pictures else [EXAMPLE]
        failed = 0
        for i, path in enumerate(paths):
            same_name = [other.stem for other in paths[:i]].count(path.stem)
            try:
                self._restore_picture(path, f"-{same_name + 1}" * bool(same_name))
            except (ValueError, OSError) as error:
                if len(paths) == 1:
                    raise
                print(f"error: {error}", file=sys.stderr)
                failed += 1
        if failed:
            raise ValueError(f"{failed} of {len(paths)} pictures could not be restored: see above")

    def _restore_picture(self, path: Path, number: str) -> None:
        image = open_image(path)
        digit = self.model == "mnist"
        if self.model == "auto":
            digit = not in_colour(image) if self.measured else is_digit(image)
        model = _, degrade, metadata = self._load_model("mnist" if digit else "cifar10")
        _, size = shape = channels(metadata["recipe"]["dataset"]), degrade.size
        given = {"measured": measurement(image, *shape)} if self.measured else scaled(image, *shape, digit)
        square = ", its central square" * (not self.measured and not digit)
        what = f"{path.name}{square} at {size} x {size} pixels"
        if self.model == "auto" and not self.weights:
            what += (", taken for a digit (for a photograph: --model cifar10)" if digit
                     else ", taken for a photograph (for a digit: --model mnist)")
        folder = Path() if path == EXAMPLE else path.parent
        self._restore(model, given, folder / f"{path.stem}-{degrade.task}{number}", what)

    def _restore_data_set(self) -> None:
        model = _, degrade, metadata = self._load_model(
            "cifar10" if self.dataset and channels(self.dataset) == 3 else "mnist")
        images = load(self.dataset or metadata["recipe"]["dataset"], "test", self.data, degrade.size)
        name = f"{short_name(images.name, degrade.size)}-{degrade.task}"
        given = {"original": to_float(images.pixels[:self.n or 8])}
        self._restore(model, given, Path(name), f"the first test images of {images.name}")

    def _load_model(self, dataset: str) -> Model:
        """Load the weights given, else those shipped for a data set and the task."""
        if self.weights:
            network, degrade, metadata = load_model(self.weights)
            if self.task not in ("auto", degrade.task):
                raise ValueError(f"--task {self.task}: {self.weights} was trained for {degrade.task}; "
                                 "leave out --task")
        else:
            usual = "superres" if dataset == "mnist" else "deblur"
            network, degrade, metadata = load_pretrained(
                usual if self.task == "auto" else self.task, dataset,
                self.measurement_precision.replace("auto", "float32"))
        degrade = with_options(degrade, size=self.size, center=self.mask_centre)
        if self.measured and degrade.random and set(self.methods) != {"direct"}:
            raise ValueError(f"{degrade.task} is random: say where the mask is, --mask-centre ROW COL, "
                             "or use --method direct")
        return network, degrade, metadata

    def _restore(self, model: Model, given: dict[str, Tensor], path: Path, what: str) -> None:
        """Restore the last of the images (n, C, size, size) that are given; write pictures named by path."""
        from colddiff_nb.notebook.pictures import save_gif  # needs matplotlib
        network, degrade, metadata = model
        T = degrade.T if self.severity is None else self.severity
        precision: str = self.measurement_precision
        if precision == "auto":
            precision = Recipe.from_dict(metadata["recipe"]).scored_from
        x = [*given.values()][-1]
        D = degrade.draw(len(x), torch.Generator().manual_seed(self.seed))
        with true_float32():
            x_T = x if self.measured else measure(D(x, T), precision)
            ways = {way.replace("algorithm", "Algorithm "):
                    SAMPLERS[way](network, D, x_T, T, trajectory=True).x for way in self.methods}
        results = {way: states[-1] for way, states in ways.items()}
        scores: dict[str, float] = {}
        if self.measured and not degrade.random:  # what D makes of a result should be the measurement
            scores = {way: rmse(D(x_0.clamp(-1, 1), T), x_T) for way, x_0 in results.items()}
        elif not self.measured:
            given = {**given, "degraded": x_T}
            scores = {way: rmse(x_0, x) for way, x_0 in {"degraded": x_T, **results}.items()}

        title = (f"Restored from {IN_WORDS.get(degrade.task, degrade.task)} in "
                 f"{precision.replace('8bit', '8 bits')}, severity {T} of {degrade.T}")
        by = self.weights or f"the shipped weights of {metadata['recipe']['dataset']}"
        print(f"\n{what}\n  {title}, by {by}")
        if scores:
            said = ", ".join(f"{way} {score:.3f}" for way, score in scores.items())
            print(f"  RMSE{' of D(result) and the file' * self.measured}, from 0 (equal) to 1: {said}")
        if degrade.task == "deblur" and precision == "float32":
            print("  An image file has 8 bits and loses much of this: try --measurement-precision 8bit")
        frames = film(given, ways, title, None if self.measured else x)
        path = (self.output or path.parent) / f"{path.name}{MARK}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        frames[-1].save(path)
        print(f"  wrote {path}\n  wrote {save_gif(frames, path.with_suffix('.gif'), seconds=5)}")

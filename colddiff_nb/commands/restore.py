"""`restore`: pictures of the reader's own, or images of a data set, degraded and brought back."""
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from colddiff_nb.commands.common import at_least_1, images_for
from colddiff_nb.storage.files import explained, make_folder

if TYPE_CHECKING:
    from torch import Tensor

    from colddiff_nb.commands.restoring import Asked
    from colddiff_nb.weights.pretrained import Model

Method = Literal["direct", "algorithm1", "algorithm2"]


@dataclass
class Restore:
    """Degrade a picture of yours and bring it back in three ways: writes a PNG and a GIF beside it.

    The networks know 32 x 32 pixels: the central square of a picture is scaled to that.
    """

    pictures: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Image files, or folders of them. Without any: a photograph inside the package."""
    task: Literal["auto", "deblur", "superres", "inpaint"] = "auto"
    """auto is deblur for photographs, superres for digits."""
    model: Literal["auto", "mnist", "cifar10"] = "auto"
    """mnist restores grey digits, cifar10 photographs; auto looks whether a picture is a digit."""
    severity: int | None = None
    """How much is degraded, from 1; by default the most that the network knows."""
    methods: Annotated[tuple[Method, ...], tyro.conf.arg(aliases=["--method"])] = (
        "direct", "algorithm1", "algorithm2")
    """The ways to restore."""
    weights: Path | None = None
    """Your own weights.safetensors in place of the shipped ones. Alone: restores images of their data set."""
    measured: bool = False
    """The file is a measurement x_T already, of 8 bits: nothing is degraded."""
    mask_centre: tuple[int, int] | None = None
    """Row and column of a mask's centre; by default drawn by the seed."""
    size: int | None = None
    """Pixels a side, by default those of the weights. Only --task inpaint takes others."""
    measurement_precision: Literal["auto", "float32", "8bit"] = "auto"
    """8bit rounds the degraded picture as a file would; auto is what the weights were made for."""
    dataset: str | None = None
    """Restore test images of mnist, fashion, cifar10, mnist5k, photos or folder:PATH instead of pictures."""
    n: int | None = None
    """That many: of a data set's images (by default 8), of a folder's pictures (all)."""
    seed: int = 0
    """Of what is random in a degradation."""
    output: Path | None = None
    """Folder for what is written; by default that of the picture, or the working folder."""
    data: Path | None = None
    """Where the data sets are, or are downloaded to."""
    plugin: Path | None = None
    """A Python file of yours to run first: it may register a degradation or a network."""

    def __call__(self) -> None:
        from colddiff_nb.commands.restoring import Asked
        at_least_1(n=self.n)
        self._check_choices()
        rounded = "8bit" if self.measured else self.measurement_precision
        task, precision = (None if choice == "auto" else choice for choice in (self.task, rounded))
        asked = Asked(task, self.weights, self.severity, self.mask_centre, self.size, precision,
                      self.methods, self.seed, self.measured)
        if self.dataset or self.weights and not self.pictures:
            self._restore_data_set(asked)
        else:
            self._restore_pictures(asked)
        print("\nnext: look at the .gif, then try another --task, or a smaller --severity")

    def _check_choices(self) -> None:
        """Raise ValueError for options that exclude each other."""
        chosen = self.model != "auto"
        wrong = {
            "--dataset restores its own images: leave out the pictures": self.dataset and self.pictures,
            "--dataset takes the model of its images: leave out --model": self.dataset and chosen,
            "--weights know what they restore: leave out --model": self.weights and chosen,
            "--measured needs a picture: name the file that was measured":
                self.measured and (self.dataset or not self.pictures),
            "--measured files hold 8 bits: leave out --measurement-precision float32":
                self.measured and self.measurement_precision == "float32"}
        for sentence, found in wrong.items():
            if found:
                raise ValueError(sentence)

    def _restore_pictures(self, asked: Asked) -> None:
        """Restore files one by one; name those that cannot be read, and restore the others."""
        from colddiff_nb.commands.reading import EXAMPLE, Taken, find_pictures, take
        paths = find_pictures(self.pictures)[:self.n] if self.pictures else [EXAMPLE]
        taken: list[Taken] = []
        for path in paths:
            try:
                taken.append(take(path, asked, self.model))
            except (ValueError, OSError) as error:
                if len(paths) == 1:
                    raise
                print(f"error: {error}", file=sys.stderr)
        if taken and not self.measured:
            size = taken[0].x.shape[-1]
            print(f"Pictures are cut to their central square and scaled to {size} x {size} pixels, "
                  "all that a\nnetwork takes. RMSE: how far a result is from that, 0 to 1.")
        names: set[str] = set()
        for picture in taken:
            folder = self.output or (Path() if picture.path == EXAMPLE else picture.path.parent)
            stem = f"{picture.path.stem}-{picture.model[1].task}"
            stem += f"-{len(names) + 1}" * (stem in names)
            names.add(stem)
            print(f"\n{picture.path.name}" + f": {picture.remark}" * bool(picture.remark))
            self._show(asked, picture.model, picture.x, picture.given, folder, stem)
        if len(taken) < len(paths):
            unread = f"{len(paths) - len(taken)} of {len(paths)} pictures"
            raise ValueError(f"{unread} could not be read: see above")

    def _restore_data_set(self, asked: Asked) -> None:
        """Restore the first test images of a data set, one a row."""
        from colddiff_nb.commands.restoring import model_for
        from colddiff_nb.data.loading import short_name
        from colddiff_nb.data.names import channels
        from colddiff_nb.data.pixels import to_float
        model = model_for(asked, channels(self.dataset) if self.dataset else 0)
        images = images_for(model[2], self.weights or "the model", self.dataset, "test", self.data,
                            model[1].size)
        x0 = to_float(images.pixels[:self.n or 8])
        print(f"the first {len(x0)} test images of {images.name}")
        stem = f"{short_name(images.name, checksum=images.checksum)}-{model[1].task}"
        self._show(asked, model, x0, {"original": x0}, self.output or Path(), stem)

    def _show(self, asked: Asked, model: Model, x: Tensor, given: dict[str, Tensor], folder: Path,
              stem: str) -> None:
        """Restore images, write the picture and the film, and print scores and paths."""
        from colddiff_nb.commands.films import HARM, NAMES, SIDE, film
        from colddiff_nb.commands.reading import MARK
        from colddiff_nb.commands.restoring import restore
        from colddiff_nb.notebook.pictures import save_gif
        done = restore(asked, model, x)
        task, T = model[1].task, model[1].T
        digits = "float32" if done.precision == "float32" else "8 bits"
        title = f"Restored from {HARM.get(task, task)} in {digits}, severity {done.severity} of {T}"
        start = {"measured" if self.measured else "degraded": done.x_T}
        side = SIDE if len(x) < 3 else SIDE * 3 // 5
        frames = film(given | start, done.ways, title, None if self.measured else x, side)
        said = ", ".join(f"{NAMES.get(way, way)} {score:.3f}" for way, score in done.scores().items())
        by = self.weights or f"the shipped weights of {model[2]['recipe']['dataset']}"
        print(f"  {title[0].lower()}{title[1:]}, by {by}")
        print(f"  RMSE{' of D(result) and the file' * self.measured}: {said}")
        if task == "deblur" and done.precision == "float32":
            print("  An image file has 8 bits and loses much of this: try --measurement-precision 8bit")
        with explained(folder, "choose another folder with --output"):
            make_folder(folder)
            picture, moving = folder / f"{stem}{MARK}.png", folder / f"{stem}{MARK}.gif"
            frames[-1].save(picture)
            save_gif(frames, moving, seconds=5)
        print(f"  wrote {picture}\n  wrote {moving}", flush=True)

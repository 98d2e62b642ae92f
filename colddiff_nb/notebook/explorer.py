"""The explorer: one image restored step by step under a slider, for every task and data set, and for an image of your own.

    explorer = Explorer(choose_model, {"mnist5k": load("mnist5k", "test")})
    explorer.widget

All work is done when something is selected: the network runs once and the frames of all steps are painted once, as PNG bytes.
Moving the slider only shows bytes that are there. Core ipywidgets alone, of version 7.7 (Colab's) or 8.
"""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import torch
from PIL import Image

from colddiff_nb.data.loading import Images
from colddiff_nb.data.own_image import open_image, take_upload, to_x0
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.tasks import TASKS
from colddiff_nb.notebook import figures as show
from colddiff_nb.storage.files import make_folder

Load = Callable[[str, str], tuple[Any, Any, str]]  # (task, data) -> restore, degrade, what titles say of the weights
NAMES = {"deblur": "deblurring", "superres": "super-resolution", "inpaint": "inpainting"}
MINE = -1  # the number of the reader's own image
KEPT = 8  # selections whose frames stay in memory, about 3 MB each


def with_contrast(images: Images, few: int) -> list[int]:
    """The numbers of the first few images that are not nearly flat (sky, say), or of the first images where there are not enough."""
    spread = images.pixels[:1000].float().flatten(1).std(1)
    return sorted(sorted(range(len(spread)), key=lambda i: (bool(spread[i] < 40), i))[:few])


class Explorer:
    """`widget` shows it; a program may set task.value, data.value, slider.value and call choose(number), open(path), save_gif().

    load(task, data) -> (restore, degrade, what titles say of the weights) is called once for each pair looked at. images: what to
    show for each data set. folder: where GIFs go. seed: of the masks' centres.
    """

    def __init__(self, load: Load, images: Mapping[str, Images], tasks: Sequence[str] = TASKS, thumbnails: int = 8,
                 folder: str | Path = ".", seed: int = 0):
        self.load, self.images, self.folder, self.seed = load, images, Path(folder), seed
        self.models: dict[tuple[str, str], tuple[Any, Any, str]] = {}
        self.comparisons: dict[tuple, show.Comparison] = {}
        self.painted: dict[tuple, list[tuple[bytes, str, str]]] = {}
        few = min(thumbnails, *map(len, images.values()))
        self.numbers = {data: with_contrast(images, few) for data, images in self.images.items()}
        self.own: Image.Image | None = None
        self.opened, self.number = "", 0
        self._build_selection(tasks, few)
        self._build_transport()
        pairs = [widgets.VBox(pair) for pair in zip(self.thumbnails, self.buttons.values())]
        mine = widgets.VBox([widgets.HBox([self.upload, self.path]), widgets.HBox([self.buttons[MINE], self.invert])])
        rows = [self.task, self.data, self.stretch, self.gif], [*pairs, mine], [self.back, self.next, self.play, self.slider, self.label]
        self.widget = widgets.VBox([
            *(widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows), self.status, self.picture, self.sentence])
        self._select()

    def _build_selection(self, tasks: Sequence[str], thumbnails: int) -> None:
        self.task = widgets.Dropdown(options=[(NAMES.get(task, task), task) for task in tasks], layout={"width": "150px"})
        self.data = widgets.Dropdown(options=list(self.images), layout={"width": "110px"})
        self.stretch = widgets.Checkbox(description="stretch contrast", indent=False, layout={"width": "140px"})
        self.invert = widgets.Checkbox(description="invert mine", indent=False, layout={"width": "110px"})
        for choice in (self.task, self.data, self.stretch, self.invert):
            choice.observe(lambda _: self._try(self._select), "value")
        self.gif = widgets.Button(description="save GIF", layout={"width": "90px"})
        self.gif.on_click(lambda _: self._try(self.save_gif))
        self.thumbnails = [widgets.Image(format="png", layout={"width": "56px", "height": "56px"}) for _ in range(thumbnails)]
        self.buttons = {i: widgets.Button(description=str(i), layout={"width": "56px"}) for i in range(thumbnails)}
        self.buttons[MINE] = widgets.Button(description="mine", layout={"width": "80px"}, disabled=True)
        for i, button in self.buttons.items():
            button.on_click(lambda _, i=i: self._try(self.choose, i))
        self.upload = widgets.FileUpload(accept="image/*", description="own image", layout={"width": "160px"})
        self.upload.observe(lambda _: self._try(self._receive), "value")
        self.path = widgets.Text(placeholder="or its path, then Enter", continuous_update=False, layout={"width": "180px"})
        self.path.observe(lambda _: self._try(self._open_path), "value")
        self.path.on_msg(lambda *_: self._try(self._open_path))  # Enter, where the text is as it was

    def _build_transport(self) -> None:
        self.back, self.next = (widgets.Button(description=text, layout={"width": "70px"}) for text in ("◀ back", "next ▶"))
        self.back.on_click(lambda _: self._step(-1))
        self.next.on_click(lambda _: self._step(+1))
        self.play = widgets.Play(interval=200, min=0)
        self.slider = widgets.IntSlider(min=0, description="k", layout={"width": "300px"}, style={"description_width": "initial"})
        self.slider.observe(self._show, "value")
        self.link = widgets.jslink((self.play, "value"), (self.slider, "value"))
        self.picture = widgets.Image(format="png", layout={"width": "770px"})
        self.label, self.status, self.sentence = widgets.Label(), widgets.Label(), widgets.HTML(layout={"max_width": "770px"})

    @property
    def steps(self) -> int:
        return self.comparison.steps

    def choose(self, number: int) -> None:
        """Show thumbnail 0, 1, ... or the reader's own image (-1). Raises ValueError where there is none."""
        if number not in self.buttons or (number == MINE and self.own is None):
            raise ValueError(f"there is no image {number}: choose 0..{len(self.thumbnails) - 1}, or -1 after open(path) or an upload")
        self.number = number
        self._select()

    def open(self, source: str | Path | bytes, name: str = "") -> None:
        """Restore an image of the reader's, given by path or bytes. Raises as own_image.open_image does."""
        self.own = open_image(source, name)
        self.opened = hashlib.sha256(repr(self.own.size).encode() + self.own.tobytes()).hexdigest()
        self.buttons[MINE].disabled = False
        self.choose(MINE)

    def save_gif(self, path: str | Path | None = None) -> Path:
        """Write what is shown as a GIF, by default <folder>/<task>-<data>-<image>.gif; returns its path."""
        number = "mine" if self.number == MINE else self.number
        target = Path(path or self.folder / f"{self.task.value}-{self.data.value}-{number}.gif")
        make_folder(target.parent)
        show.gif(self.comparison, target, self.stretch.value)
        self.status.value = f"saved {target.name}"
        return target

    def _select(self) -> None:
        """Show the selection, restored and painted now where it was not before; k stays where that step exists."""
        for thumbnail, number in zip(self.thumbnails, self.numbers[self.data.value]):
            thumbnail.value = show.png(show.picture(to_float(self.images[self.data.value].pixels[number])))
        for i, button in self.buttons.items():
            button.button_style = "primary" if i == self.number else ""
        mine = (self.opened, self.invert.value) if self.number == MINE else ()
        selection = (self.task.value, self.data.value, self.number, *mine)
        painted = (*selection, self.stretch.value)
        self.status.value = "restoring ..."
        if selection not in self.comparisons:
            self.comparisons[selection] = self._compare()
        comparison = self.comparisons[selection]
        if painted not in self.painted:
            self.painted[painted] = [
                (show.png(show.frame(comparison, k, self.stretch.value)), show.readout(comparison, k), escape(show.describe(comparison, k)))
                for k in range(comparison.steps + 1)]
        self.comparison, self.frames = comparison, self.painted[painted]
        for kept in (self.comparisons, self.painted):
            while len(kept) > KEPT:
                del kept[next(iter(kept))]  # type: ignore[attr-defined]
        self.slider.max = self.play.max = self.steps  # brings a larger value down to it
        self.status.value = ""
        self._show()

    def _show(self, change: Any = None) -> None:
        """The slider's callback: bytes and texts that are there already, nothing else."""
        self.picture.value, self.label.value, self.sentence.value = self.frames[self.slider.value]

    def _step(self, by: int) -> None:
        self.slider.value = min(max(self.slider.value + by, 0), self.steps)

    def _compare(self) -> show.Comparison:
        task, data = self.task.value, self.data.value
        if (task, data) not in self.models:
            self.models[task, data] = self.load(task, data)
        restore, degrade, label = self.models[task, data]
        images = self.images[data]
        if self.number != MINE or self.own is None:
            number = self.numbers[data][self.number]
            x0, name = to_float(images.pixels[number:number + 1]), f"{images.name} {images.split} image {number}"
        else:
            x0, name = to_x0(self.own, images.pixels.shape[1], images.pixels.shape[-1], self.invert.value), "your own image"
        drawn = degrade.draw(1, torch.Generator().manual_seed(self.seed + self.number + 1))
        parameters = restore.parameters() if isinstance(restore, torch.nn.Module) else iter(())
        device = next(parameters, x0).device
        return show.compare(restore, drawn, x0.to(device), f"{NAMES.get(task, task)}, {name}, T = {degrade.T}: {label}")

    def _receive(self) -> None:
        file = take_upload(self.upload)
        if file:
            self.open(file[1], file[0])

    def _open_path(self) -> None:
        if self.path.value:
            self.open(self.path.value)

    def _try(self, action: Callable[..., Any], *values: Any) -> None:
        """For callbacks: the front end shows no errors, so they become the line under the slider."""
        try:
            action(*values)
        except (OSError, ValueError, RuntimeError) as error:
            self.status.value = str(error)

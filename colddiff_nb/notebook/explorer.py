"""The explorer: one image restored step by step under a slider, for each task, data set and image of yours.

    explorer = Explorer(choose_model, {"mnist5k": load("mnist5k", "test")})
    explorer.widget

All work is done when something is selected: the network runs once, and the frames of all steps are
painted once, as PNG bytes. The slider only shows them. Core ipywidgets alone, of version 7.7 (Colab's) or 8.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import torch
from PIL import Image

from colddiff_nb.data.loading import Images
from colddiff_nb.data.own_image import open_image, take_upload, to_x0
from colddiff_nb.data.pixels import resize, to_float
from colddiff_nb.degradations.tasks import TASKS
from colddiff_nb.notebook.comparison import Comparison, compare, describe, readout
from colddiff_nb.notebook.figures import frame, gif
from colddiff_nb.notebook.pictures import picture, png
from colddiff_nb.storage.files import make_folder

NAMES = {"deblur": "deblurring", "superres": "super-resolution", "inpaint": "inpainting"}
MINE = -1  # the number of the reader's own image
KEPT = 8  # selections whose frames stay in memory, about 4 MB each


def with_contrast(images: Images, few: int) -> list[int]:
    """Return the numbers of the first few images; nearly flat ones, such as sky, only if others lack."""
    spread = images.pixels[:1000].float().flatten(1).std(1)
    return sorted(sorted(range(len(spread)), key=lambda i: (bool(spread[i] < 40), i))[:few])


def _width(pixels: int) -> dict[str, str]:
    return {"width": f"{pixels}px"}


def _button(text: str, width: int, does: Callable[..., None]) -> widgets.Button:
    button = widgets.Button(description=text, layout=_width(width))
    button.on_click(does)
    return button


class Explorer:
    """`widget` shows it; a program may set task.value, data.value and slider.value, and call the methods.

    load: (task, data) -> restore, degrade, what titles say of the weights; called once for each pair.
    images: what to show of each data set. folder: where GIFs go.
    """

    def __init__(self, load: Callable[[str, str], tuple[Any, Any, str]], images: Mapping[str, Images],
                 thumbnails: int = 8, folder: str | Path = "."):
        self.load, self.images, self.folder = cache(load), images, Path(folder)
        self.restored, self.painted = lru_cache(KEPT)(self._restored), lru_cache(KEPT)(_painted)
        few = min(thumbnails, *map(len, images.values()))
        self.numbers = {data: with_contrast(some, few) for data, some in images.items()}
        self.own: Image.Image | None = None
        rows = [self._choices(), self._thumbnails(few), self._transport()]
        self.status, self.sentence = widgets.Label(), widgets.HTML(layout={"max_width": "770px"})
        self.picture = widgets.Image(format="png", layout=_width(770))
        boxes = [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        self.widget = widgets.VBox([*boxes, self.status, self.picture, self.sentence])
        self._select()

    def _choices(self) -> list[Any]:
        self.task = widgets.Dropdown(options=[(NAMES[task], task) for task in TASKS], layout=_width(150))
        self.data = widgets.Dropdown(options=list(self.images), layout=_width(110))
        self.stretch = widgets.Checkbox(description="stretch contrast", indent=False, layout=_width(140))
        self.invert = widgets.Checkbox(description="invert mine", indent=False, layout=_width(110))
        for choice in (self.task, self.data, self.stretch, self.invert):
            choice.observe(self._safely(self._select), "value")
        self.gif = _button("save GIF", 90, self._safely(self.save_gif))
        return [self.task, self.data, self.stretch, self.gif]

    def _thumbnails(self, few: int) -> list[Any]:
        """Images above the buttons that choose one; and the doors for one of the reader's own."""
        square = _width(56) | {"height": "56px"}
        self.thumbnails = [widgets.Image(format="png", layout=square) for _ in range(few)]
        numbers = [(str(i), i) for i in range(few)] + [("mine", MINE)]
        self.image = widgets.ToggleButtons(options=numbers, style={"button_width": "56px"})
        self.image.observe(self._safely(self._select), "value")
        self.upload = widgets.FileUpload(accept="image/*", description="own image", layout=_width(160))
        self.upload.observe(self._safely(self._receive), "value")
        self.path = widgets.Text(
            placeholder="or its path, then Enter", continuous_update=False, layout=_width(180))
        self.path.observe(self._safely(self._open_path), "value")
        self.path.on_msg(self._safely(self._open_path))  # Enter, where the text is as it was
        mine = [widgets.HBox([self.upload, self.path]), self.invert]
        return [widgets.VBox(part) for part in ([widgets.HBox(self.thumbnails), self.image], mine)]

    def _transport(self) -> list[Any]:
        self.back = _button("◀ back", 70, self._safely(self._step, -1))
        self.next = _button("next ▶", 70, self._safely(self._step, +1))
        self.play, self.label = widgets.Play(interval=200, min=0), widgets.Label()
        self.slider = widgets.IntSlider(
            min=0, description="k", layout=_width(300), style={"description_width": "initial"})
        self.slider.observe(self._show, "value")
        self.link = widgets.jslink((self.play, "value"), (self.slider, "value"))
        return [self.back, self.next, self.play, self.slider, self.label]

    @property
    def steps(self) -> int:
        """How many steps the slider has."""
        return self.comparison.steps

    def choose(self, number: int) -> None:
        """Show thumbnail 0, 1, ... or the reader's own image (-1). Raises ValueError where there is none."""
        if number not in (MINE, *range(len(self.thumbnails))):
            last = len(self.thumbnails) - 1
            raise ValueError(f"there is no image {number}: choose 0..{last}, or -1 for your own")
        self.image.value = number
        self._select()

    def open(self, source: str | Path | bytes, name: str = "") -> None:
        """Restore an image of the reader's, given by path or bytes. Raises as `open_image` does."""
        self.own = open_image(source, name)
        self.choose(MINE)

    def save_gif(self, path: str | Path | None = None) -> Path:
        """Write what is shown as a GIF, by default <folder>/<task>-<data>-<image>.gif; return its path."""
        target = Path(path or self.folder / f"{self.task.value}-{self.data.value}-{self.image.label}.gif")
        make_folder(target.parent)
        gif(self.comparison, target, self.stretch.value)
        self.status.value = f"saved {target.name}"
        return target

    def _select(self) -> None:
        """Show the selection, restored and painted if it was not before; k stays if that step exists."""
        images = self.images[self.data.value]
        for thumbnail, number in zip(self.thumbnails, self.numbers[self.data.value]):
            thumbnail.value = png(picture(to_float(images.pixels[number])))
        self.status.value = "restoring ..."
        _, degrade, _ = self.load(self.task.value, self.data.value)  # it may be made for another size
        number = self.image.value
        if number != MINE:
            place = self.numbers[self.data.value][number]
            x0 = to_float(resize(images.pixels[place:place + 1], degrade.size))
            name = f"{images.name} {images.split} image {place}"
        elif self.own:
            channels, size = images.pixels.shape[1], degrade.size
            x0 = to_x0(self.own, channels, size, self.invert.value)
            name = f"your own image, cut to {size} x {size}"
        else:
            raise ValueError("there is no image of yours yet: upload one, or give its path")
        content = x0.numpy().tobytes()
        self.comparison = self.restored(self.task.value, self.data.value, number, name, content, x0.shape)
        self.frames = self.painted(self.comparison, self.stretch.value)
        self.slider.max = self.play.max = self.steps  # brings a larger value down to it
        self.status.value = ""
        self._show()

    def _show(self, change: Any = None) -> None:
        """The slider's callback: bytes and texts that are there already, nothing else."""
        self.picture.value, self.label.value, self.sentence.value = self.frames[self.slider.value]

    def _step(self, by: int) -> None:
        self.slider.value = min(max(self.slider.value + by, 0), self.slider.max)

    def _restored(self, task: str, data: str, number: int, name: str,
                  content: bytes, shape: torch.Size) -> Comparison:
        """Restore an image that is given as bytes: they tell whether it was restored before."""
        restore, degrade, label = self.load(task, data)
        x0 = torch.frombuffer(bytearray(content), dtype=torch.float32).reshape(shape)
        drawn = degrade.draw(1, torch.Generator().manual_seed(number + 1))
        parameters = restore.parameters() if isinstance(restore, torch.nn.Module) else iter(())
        device = next(parameters, x0).device
        return compare(restore, drawn, x0.to(device), f"{NAMES[task]}, {name}, T = {degrade.T}: {label}")

    def _receive(self) -> None:
        file = take_upload(self.upload)
        if file:
            self.open(file[1], file[0])

    def _open_path(self) -> None:
        if self.path.value:
            self.open(self.path.value)

    def _safely(self, action: Callable[..., Any], *values: Any) -> Callable[..., None]:
        """A callback: the front end shows no errors, so they become the line under the slider."""
        def callback(*_: Any) -> None:
            try:
                action(*values)
            except (OSError, ValueError, RuntimeError) as error:
                self.status.value = str(error)
        return callback


def _painted(comparison: Comparison, stretch: bool) -> list[tuple[bytes, str, str]]:
    return [(png(frame(comparison, k, stretch)), readout(comparison, k), escape(describe(comparison, k)))
            for k in range(comparison.steps + 1)]

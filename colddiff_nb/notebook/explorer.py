"""The explorer: one image restored step by step under a slider, for each task, data set and image of yours.

    explorer = Explorer(choose_model, {"mnist5k": load("mnist5k", "test")})
    explorer.widget

A selection runs the network and paints all steps; the slider only shows them.
Core ipywidgets alone, of version 7.7 (Colab's) or 8.
"""
from __future__ import annotations

import os
from asyncio import TimerHandle, get_running_loop
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import torch
from PIL import Image
from torch import Tensor

from colddiff_nb.data.loading import Images
from colddiff_nb.data.own_digit import is_digit, like_mnist
from colddiff_nb.data.own_image import open_image, take_upload, to_x0
from colddiff_nb.data.pixels import resize, to_float, with_contrast
from colddiff_nb.degradations.tasks import TASKS
from colddiff_nb.notebook.comparison import Comparison, compare
from colddiff_nb.notebook.figures import frame, page
from colddiff_nb.notebook.pictures import data_url, picture, png, save_gif
from colddiff_nb.storage.files import make_folder

NAMES = {"deblur": "deblurring", "superres": "super-resolution", "inpaint": "inpainting"}
MINE = -1  # the number of the reader's own image
THUMBNAILS = 8
KEPT = 8  # selections whose pages stay in memory, about 6 MB each
LOOK = """<style>
.{0} button.mod-active {{outline: 4px solid #0072b2; outline-offset: -3px}}
.{0} button:focus {{outline: 4px dashed #0072b2; outline-offset: -3px}}
.{0} .images button {{height: 42px; margin: 1px; font-size: 0}}
.{0} .images button {{background-size: cover; image-rendering: pixelated}}
{1}</style>"""


class Explorer:
    """`widget` shows it; a program may set task.value, data.value and slider.value.

    load: (task, data) -> restore, degrade, what titles say of the weights. images: of each data set.
    folder: where GIFs go.
    """

    def __init__(self, load: Callable[[str, str], tuple[Any, Any, str]], images: Mapping[str, Images],
                 folder: str | Path = "."):
        self.load, self.images, self.folder = cache(load), images, Path(folder)
        few = min(THUMBNAILS, *map(len, images.values()))
        self.numbers = {data: with_contrast(some.pixels, few) for data, some in images.items()}
        self.own: Image.Image | None = None
        self.made: dict[Any, tuple[Comparison, list[str]]] = {}
        self.pages: list[str] = []
        self.waiting: TimerHandle | None = None

        # Buttons rather than lists, from which JupyterLab takes the arrow keys.
        self.task, self.data, self.image = (
            widgets.ToggleButtons(options=options, style={"button_width": width})
            for options, width in (
                ([(NAMES[task], task) for task in TASKS], "auto"), ([*images], "auto"),
                ([*((f"{i}", i) for i in range(few)), ("mine", MINE)], "42px")))
        self.task.value = "inpaint"
        self.image.add_class("images")
        self.stretch, self.invert = (
            widgets.Checkbox(description=text, indent=False, layout={"width": "auto"})
            for text in ("stretch contrast", "invert mine"))
        self.upload = widgets.FileUpload(accept="image/*", description="own image", layout={"width": "140px"})
        self.path = widgets.Text(
            placeholder="or its path, then Enter", continuous_update=False, layout={"width": "180px"})
        self.back, self.next, self.gif = (
            widgets.Button(description=text, layout={"width": width})
            for text, width in (("◀ back", "70px"), ("next ▶", "70px"), ("save GIF", "90px")))
        self.play, self.slider = widgets.Play(interval=200), widgets.IntSlider(
            description="k", layout={"width": "100%"}, style={"description_width": "initial"})
        self.link = widgets.jslink((self.play, "value"), (self.slider, "value"))
        self.status, self.saved, self.picture = widgets.HTML(), widgets.Output(), widgets.HTML()
        self.look = widgets.HTML(layout={"display": "none"})

        self.choices = self.task, self.data, self.image, self.stretch, self.invert
        for choice in self.choices:
            choice.observe(self._wish, "value")
        self.upload.observe(self._safely(self._receive), "value")
        self.path.observe(self._safely(self._open_path), "value")
        self.path.on_msg(self._safely(self._open_path))  # Enter, where the path is as it was
        self.back.on_click(lambda _: self._step(-1))
        self.next.on_click(lambda _: self._step(+1))
        self.gif.on_click(self._safely(self.save_gif))
        self.slider.observe(self._show, "value")

        rows = ([self.task, self.data, self.stretch, self.invert, self.gif],
                [self.image, self.upload, self.path],
                [self.back, self.next, self.play, self.status, self.saved])
        layout = {"flex_flow": "row wrap", "align_items": "center"}
        self.box = widgets.VBox([self.look, *(widgets.HBox(row, layout=layout) for row in rows),
                                 self.slider, self.picture], layout={"max_width": "1000px"})
        self.box.add_class(f"explorer-{id(self)}")

    @property
    def widget(self) -> widgets.VBox:
        """What to display."""
        self._refresh()
        return self.box

    @property
    def comparison(self) -> Comparison:
        """What is restored and shown."""
        self._refresh()
        return self.shown

    def choose(self, number: int) -> None:
        """Show thumbnail 0, 1, ... or the reader's own image (-1)."""
        self.image.value = number
        self._refresh()

    def open(self, source: str | Path | bytes, name: str = "") -> None:
        """Restore an image of the reader's, given by path or bytes; raise as `open_image` does."""
        self.own = open_image(source, name)
        self.choose(MINE)

    def save_gif(self, path: str | Path | None = None) -> Path:
        """Write what is shown as a GIF; return its path."""
        name = f"{self.task.value}-{self.data.value}-{self.image.label}.gif"
        target = Path(path or self.folder / name).resolve()
        shown = self.comparison
        self._say("writing the GIF ...")
        make_folder(target.parent)
        save_gif([frame(shown, k, self.stretch.value) for k in range(shown.steps + 1)], target)
        self._say("")
        link = f'saved <a href="{escape(os.path.relpath(target))}">{escape(str(target))}</a>'
        self.saved.outputs = [{"output_type": "display_data", "data": {"text/html": link}, "metadata": {}}]
        return target

    def _wish(self, _: Any) -> None:
        """Restore what is chosen once the kernel has heard all clicks that wait: the newest counts."""
        self._say("restoring ...")
        refresh = self._safely(self._refresh)
        try:
            kernel = get_running_loop()
        except RuntimeError:  # a program without one
            return refresh()
        if self.waiting:
            self.waiting.cancel()
        self.waiting = kernel.call_later(0.05, refresh)

    def _refresh(self) -> None:
        """Show the selection, restored if it was not before; k stays if that step exists."""
        self._say("restoring ...")
        task, data, number, stretch, _ = (choice.value for choice in self.choices)
        restore, degrade, label = self.load(task, data)
        x0, name = self._x0(number, degrade.size)
        self._dress()

        key = task, data, number, stretch, x0.numpy().tobytes()
        if key not in self.made:
            drawn = degrade.draw(1, torch.Generator().manual_seed(number + 1))
            made = compare(restore, drawn, x0, f"{NAMES[task]}, {name}, T = {degrade.T}: {label}")
            self.made[key] = made, [page(made, k, stretch) for k in range(made.steps + 1)]
            self.made = dict([*self.made.items()][-KEPT:])
        self.shown, pages = self.made[key]
        self.slider.max = self.play.max = self.shown.steps  # brings a larger value down to it
        if not self.pages:
            self.slider.value = self.shown.steps // 2
        self.pages = pages
        self._show()
        self._say("")

    def _x0(self, number: int, size: int = 32) -> tuple[Tensor, str]:
        """An image for the networks of the data set, (1, C, size, size), and what titles call it."""
        images = self.images[self.data.value]
        if number != MINE:
            place = self.numbers[self.data.value][number]
            x0 = to_float(resize(images.pixels[place:place + 1], size))
            return x0, f"{images.name} {images.split} image {place}"
        if self.own is None:
            raise ValueError("there is no image of yours yet: upload one, or give its path")
        channels = images.pixels.shape[1]
        own = like_mnist(self.own) if channels == 1 and is_digit(self.own) else self.own
        return to_x0(own, channels, size, self.invert.value), f"your own image, cut to {size} x {size}"

    def _dress(self) -> None:
        """Put the images on their buttons; without an own image, its button is away."""
        looks = ["display: none" if number == MINE and not self.own else
                 f"background-image: url({data_url(png(picture(self._x0(number)[0][0])))})"
                 for _, number in self.image.options]
        mine = f"explorer-{id(self)}"
        rules = (f".{mine} .images button:nth-of-type({i}) {{{look}}}\n" for i, look in enumerate(looks, 1))
        self.look.value = LOOK.format(mine, "".join(rules))

    def _show(self, change: Any = None) -> None:
        """Turn to a page that is there already."""
        if self.pages:
            self.picture.value = self.pages[self.slider.value]

    def _step(self, by: int) -> None:
        self.slider.value += by

    def _receive(self) -> None:
        if file := take_upload(self.upload):
            self.open(file[1], file[0])

    def _open_path(self) -> None:
        if path := self.path.value.strip(" '\""):  # a copied path may come in quotes
            self.open(path)

    def _say(self, text: str) -> None:
        self.status.value, self.saved.outputs = escape(text, quote=False), []

    def _safely(self, action: Callable[[], Any]) -> Callable[..., None]:
        """A callback whose errors, which the front end does not show, become the line above the slider."""
        def callback(*_: Any) -> None:
            try:
                action()
            except (OSError, ValueError, RuntimeError) as error:
                self._say(str(error))
        return callback

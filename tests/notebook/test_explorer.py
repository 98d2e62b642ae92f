"""The explorer: the slider shows what is painted already; own images come in by every door; both ipywidgets APIs."""
import io
import random
import re
from pathlib import Path
from types import SimpleNamespace

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageOps

from colddiff_nb import degradations
from colddiff_nb.data import Images
from colddiff_nb.data.own_image import open_image, take_upload, to_x0
from colddiff_nb.data.pixels import with_contrast
from colddiff_nb.notebook import explorer as module
from colddiff_nb.notebook.comparison import readout
from colddiff_nb.notebook.explorer import KEPT, MINE, Explorer
from colddiff_nb.notebook.figures import page


def images(name: str, channels: int) -> Images:
    pixels = torch.randint(0, 256, (4, channels, 32, 32), generator=torch.Generator().manual_seed(channels), dtype=torch.uint8)
    return Images(pixels, torch.arange(4), name, "test", "none")


def halve(x_t, t, start):
    return 0.5 * x_t + 0.1


def no_kernel():
    raise RuntimeError("no running event loop")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """A browser's test in the same process may have left a loop that runs."""
    monkeypatch.setattr(module, "get_running_loop", no_kernel)


@pytest.fixture
def explorer(tmp_path):
    loads = []

    def load(task, data):
        loads.append((task, data))
        return halve, degradations.make(task, data, T=3), "a toy"
    found = Explorer(load, {"mnist": images("mnist5k", 1), "cifar10": images("photos", 3)}, folder=tmp_path)
    found.loads = loads
    found.task.value = "deblur"
    found.slider.value = 0
    return found


def png(image: Image.Image, format: str = "png") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


def forbid(monkeypatch, explorer):
    """Make the network, the painter and matplotlib raise."""
    def never(*values, **more):
        raise AssertionError("the slider's callback did work")
    explorer.load = never
    for name in ("page", "data_url", "compare", "picture"):
        monkeypatch.setattr(module, name, never)
    import matplotlib.figure
    monkeypatch.setattr(matplotlib.figure.Figure, "__init__", never)
    monkeypatch.setattr(torch.nn.Module, "__call__", never)


def pictures_of(explorer) -> list[str]:
    return re.findall(r'src="([^"]+)"', explorer.picture.value)


@pytest.mark.slow
@pytest.mark.parametrize("task", degradations.TASKS)
@pytest.mark.parametrize("data", ["mnist", "cifar10"])
@pytest.mark.parametrize("stretch", [False, True])
def test_the_slider_only_shows_what_is_painted(explorer, monkeypatch, task, data, stretch):
    explorer.task.value, explorer.data.value, explorer.stretch.value = task, data, stretch
    expected = [re.findall('src="([^"]+)"', page(explorer.comparison, k, stretch)) for k in range(4)]
    texts = [readout(explorer.comparison, k) for k in range(4)]
    forbid(monkeypatch, explorer)
    assert (explorer.slider.min, explorer.slider.max, explorer.play.max) == (0, 3, 3)
    for k in [*range(4), 2, 0, 3]:
        explorer.slider.value = k
        assert pictures_of(explorer) == expected[k] and texts[k] in explorer.picture.value
        alternatives = re.findall(r'alt="([^"]+)"', explorer.picture.value)
        assert f"after {k} of 3 steps" in alternatives[0] and "RMSE against the steps" in alternatives[1]
    assert len({*map(tuple, expected)}) == 4 and explorer.status.value == ""


def test_it_opens_on_inpainting_halfway_and_restores_nothing_else(tmp_path):
    tasks = []

    def load(task, data):
        tasks.append((task, data))
        return halve, degradations.make(task, data), "a toy"
    fresh = Explorer(load, {"mnist": images("mnist5k", 1), "cifar10": images("photos", 3)}, folder=tmp_path)
    fresh.data.value = "cifar10"
    assert "step 25 of 50" in fresh.widget.children[-1].value and fresh.slider.value == 25
    assert tasks == [("inpaint", "cifar10")]


def test_back_and_next_move_one_step_and_stop_at_the_ends(explorer):
    for button, ends in ((explorer.next, [1, 2, 3, 3]), (explorer.back, [2, 1, 0, 0])):
        for k in ends:
            button.click()
            assert explorer.slider.value == k


def test_play_and_slider_are_linked_in_the_front_end(explorer):
    link = explorer.link  # a link in the browser does nothing here
    assert type(link).__name__ == "Link" and (link.source, link.target) == ((explorer.play, "value"), (explorer.slider, "value"))


def test_a_selection_is_restored_once(explorer):
    explorer.task.value = "superres"
    pages = explorer.pages
    explorer.choose(2)
    assert explorer.pages is not pages and explorer.image.label == "2"
    explorer.choose(0)
    assert explorer.pages is pages and explorer.loads.count(("superres", "mnist")) == 1
    explorer.image.value = 2  # as a click does
    assert explorer.pages is not pages


def test_a_shorter_task_brings_the_slider_down(explorer):
    explorer.load = lambda task, data: (halve, degradations.make(task, data, T=2 if task == "superres" else 3), "a toy")
    explorer.slider.value = 3
    explorer.task.value = "superres"
    assert (explorer.slider.value, explorer.slider.max) == (2, 2)
    assert explorer.picture.value == explorer.pages[2]
    explorer.task.value = "inpaint"
    assert (explorer.slider.value, explorer.slider.max) == (2, 3)
    assert explorer.picture.value == explorer.pages[2]


@pytest.mark.slow
def test_frames_in_memory_stay_few(explorer):
    for task in degradations.TASKS:
        for number in range(4):
            explorer.task.value = task
            explorer.choose(number)
    assert len(explorer.made) == KEPT
    assert explorer.picture.value == explorer.pages[explorer.slider.value]


def test_missing_weights_are_one_line_under_the_slider(explorer):
    def load(task, data):
        raise FileNotFoundError("no weights are shipped for it")
    explorer.load = load
    explorer.task.value = "superres"
    assert explorer.status.value == "no weights are shipped for it"


def test_flat_images_are_no_thumbnails(monkeypatch):
    monkeypatch.setattr(module, "THUMBNAILS", 2)
    pixels = torch.full((6, 1, 32, 32), 90, dtype=torch.uint8)
    pixels[[2, 4], :, :16] = 250
    some = Images(pixels, torch.arange(6), "mnist5k", "test", "none")
    assert [with_contrast(some.pixels, few) for few in (1, 2, 4)] == [[2], [2, 4], [0, 1, 2, 4]]
    shown = Explorer(lambda task, data: (halve, degradations.make(task, data, T=3), ""), {"mnist": some})
    shown.choose(1)
    assert "image 4," in shown.comparison.title and torch.equal(shown.comparison.x0, pixels[4] / 127.5 - 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (300, 47), (7, 90)])
def test_any_mode_and_size_becomes_32_by_32(mode, size, tmp_path):
    values = np.linspace(0, 255, size[0] * size[1]).reshape(size[1], size[0])
    made = Image.fromarray((values * 200).astype(np.uint16)) if mode == "I;16" else Image.fromarray(values.astype(np.uint8)).convert(mode)
    path = tmp_path / f"own.{'tiff' if mode in ('CMYK', 'F', 'I') else 'png'}"
    made.save(path)
    for channels in (1, 3):
        x0 = to_x0(open_image(path), channels)
        assert x0.shape == (1, channels, 32, 32) and x0.dtype == torch.float32
        assert x0.min() >= -1 and x0.max() <= 1
        assert size == (1, 1) or x0.max() > x0.min()


def test_colour_stays_colour_and_grey_means_luminance():
    red = open_image(png(Image.new("RGB", (50, 60), (255, 0, 0))))
    assert to_x0(red, 3)[0, :, 5, 5].tolist() == [1, -1, -1]
    assert to_x0(red, 1)[0, 0, 5, 5] == pytest.approx(2 * 76 / 255 - 1)
    assert torch.equal(to_x0(red, 3, invert=True), -to_x0(red, 3))
    assert to_x0(open_image(png(Image.new("RGBA", (9, 9), (0, 0, 0, 0)))), 1).min() == 1  # transparent is white


def test_the_central_square_is_taken_and_photographs_are_turned_upright():
    wide = Image.new("L", (96, 32))
    wide.paste(255, (32, 0, 64, 32))
    assert to_x0(open_image(png(wide)), 1).min() == 1
    turned = Image.new("L", (32, 32))
    turned.paste(255, (0, 0, 32, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    buffer = io.BytesIO()
    turned.save(buffer, "png", exif=exif)
    x0 = to_x0(open_image(buffer.getvalue()), 1)[0, 0]
    assert x0[:, -4:].min() == 1 and x0[:, :20].max() == -1


def test_a_photograph_with_damaged_tags_opens(recwarn):
    exif, buffer, generator = Image.Exif(), io.BytesIO(), random.Random(0)
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(buffer, "jpeg", exif=exif)
    start = buffer.getvalue().index(b"Exif") + 6
    for _ in range(300):
        changed = bytearray(buffer.getvalue())
        for _ in range(generator.choice([1, 2, 30])):
            changed[start + generator.randrange(len(exif.tobytes()) - 6)] = generator.choice([0, 255, generator.randrange(256)])
        assert open_image(bytes(changed)).size in ((48, 64), (64, 48))
    assert not recwarn.list


@pytest.mark.parametrize("form", ["tiff", "png", "webp", "jpeg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_form(form, orientation):
    exif, content, image = Image.Exif(), io.BytesIO(), Image.new("L", (64, 48))
    exif[0x0112] = orientation
    image.paste(255, (0, 0, 64, 12))
    image.paste(100, (0, 12, 10, 48))
    image.save(content, form, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(content)).convert("RGB")
    assert np.array_equal(open_image(content.getvalue()), expected)


def levels(values: np.ndarray, form: str = "tiff", **options) -> np.ndarray:
    """The grey levels 0..255 that an image file of these values is opened with."""
    content = io.BytesIO()
    Image.fromarray(values).save(content, form, **options)
    return np.asarray(open_image(content.getvalue()))[:, :, 0]


@pytest.mark.parametrize("form", ["tiff", "png", "ppm"])
def test_sixteen_bits_keep_their_level(form):
    type_ = np.int32 if form == "ppm" else np.uint16  # its files hold 16 bits, but older Pillows write them from 32 only
    for level in (0, 257, 30 * 257, 65535):
        assert (levels(np.full((9, 9), level, type_), form) == level // 257).all()  # flat
    dark = np.linspace(0, 4095, 64).astype(type_).reshape(8, 8)
    assert np.array_equal(levels(dark, form), (dark / 257).round()) and levels(dark, form).max() == 16
    assert levels(dark * 16, form).max() == 255  # what the docstring advises for 12 bits


def test_what_was_not_measured_leaves_the_picture_visible():
    values = np.linspace(200, 300, 64, dtype=np.float32).reshape(8, 8)
    expected = levels(values)
    assert (expected.min(), expected.max()) == (0, 255)
    values[2:5, 3:6] = np.nan
    known = ~np.isnan(values)
    assert np.array_equal(levels(values)[known], expected[known])
    assert (levels(np.full((4, 4), np.nan, np.float32)) == 0).all()


def test_a_large_photograph_is_decoded_smaller_and_looks_the_same():
    colours = Image.radial_gradient("L"), Image.linear_gradient("L"), Image.new("L", (256, 256), 90)
    image = Image.merge("RGB", colours).resize((2400, 1600))
    content = png(image, "jpeg")
    opened = open_image(content)
    assert opened.size == (600, 400) and (to_x0(opened, 3) - to_x0(image, 3)).abs().max() < 4 / 127.5


@pytest.mark.parametrize("content", [b"", b"no image at all", png(Image.radial_gradient("L"))[:4000]])
def test_what_is_no_image_is_one_line(explorer, tmp_path, content):
    path = tmp_path / "wrong.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no image that can be read") as error:
        explorer.open(path)
    assert "\n" not in str(error.value) and "wrong.png" in str(error.value)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        explorer.open(tmp_path / "none.png")
    before = explorer.picture.value
    explorer.path.value = str(path)  # the door for paths: the error becomes a line, the picture stays
    assert "no image that can be read" in explorer.status.value and explorer.picture.value == before


OWN = png(Image.linear_gradient("L"))


@pytest.mark.parametrize("value", [
    {"own.png": {"metadata": {"name": "own.png"}, "content": OWN}},  # ipywidgets 7
    ({"name": "own.png", "type": "image/png", "size": len(OWN), "content": memoryview(OWN)},),  # ipywidgets 8
])
def test_an_upload_is_taken_from_both_ipywidgets(value):
    widget = SimpleNamespace(value=value, set_trait=lambda name, new: setattr(widget, name, new))
    assert take_upload(widget) == ("own.png", OWN) and widget.value == type(value)()
    assert take_upload(widget) is None


def upload(widget, content: bytes, name: str = "own.png") -> None:
    """What the front end of either ipywidgets sends when a file is chosen."""
    about = {"name": name, "type": "image/png", "size": len(content), "last_modified": 1_600_000_000_000}
    if widgets.__version__[0] == "7":
        widget.set_state({"_counter": widget._counter + 1, "metadata": [about], "data": [memoryview(content)], "error": ""})
    else:
        widget.set_state({"value": [about | {"content": memoryview(content)}], "error": ""})


def enter(widget, text: str) -> None:
    """What it sends when Enter is pressed: first the key, then the text, if that is new."""
    widget._handle_custom_msg({"event": "submit"}, [])
    if text != widget.value:
        widget.set_state({"value": text})


def shown(explorer) -> str:
    return explorer.picture.value


def test_an_upload_is_shown(explorer):
    upload(explorer.upload, OWN)
    assert explorer.image.label == "mine"
    assert torch.equal(explorer.comparison.x0[None], to_x0(open_image(OWN), 1))
    assert "your own image" in explorer.comparison.title


def thumbnails(explorer) -> list[str]:
    return re.findall(r"nth-of-type\(\d\) {(.+?)}\n", explorer.look.value)[:5]


def test_every_image_has_its_thumbnail_and_an_own_one_when_it_is_there(explorer):
    explorer.choose(1)
    grey = thumbnails(explorer)
    assert grey[-1] == "display: none" and len(set(grey)) == len(grey) == 5
    upload(explorer.upload, OWN)
    assert thumbnails(explorer)[:-1] == grey[:-1] and "url(data:image/png" in thumbnails(explorer)[-1]
    *_, mine = thumbnails(explorer)
    explorer.data.value = "cifar10"
    assert not {*grey} & {*thumbnails(explorer)} and thumbnails(explorer)[-1] == mine  # the gradient has no colour


@pytest.mark.parametrize("typed", ["~/own one.png", '"~/own one.png"', " '{}' "])
def test_a_path_may_begin_at_home_and_come_in_quotes(explorer, tmp_path, monkeypatch, typed):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own one.png").write_bytes(OWN)
    enter(explorer.path, typed.format(tmp_path / "own one.png"))
    assert explorer.image.value == MINE and explorer.status.value == ""


def test_the_same_upload_again_is_shown_again_and_clears_the_error(explorer):
    start = shown(explorer)
    upload(explorer.upload, OWN)
    mine = shown(explorer)
    explorer.choose(0)
    assert shown(explorer) == start != mine
    upload(explorer.upload, OWN)
    assert shown(explorer) == mine
    for _ in range(2):
        explorer.status.value = ""
        upload(explorer.upload, b"broken")
        assert "'own.png' is no image" in explorer.status.value and shown(explorer) == mine
    explorer.choose(0)
    upload(explorer.upload, b"broken")
    upload(explorer.upload, OWN)
    assert shown(explorer) == mine and explorer.status.value == ""


def test_enter_on_the_same_path_shows_what_lies_there_now(explorer, tmp_path):
    path = tmp_path / "own.png"
    enter(explorer.path, "")
    assert explorer.status.value == "" and explorer.image.value == 0
    enter(explorer.path, str(path))
    assert "there is no file" in explorer.status.value
    path.write_bytes(OWN)
    enter(explorer.path, str(path))
    mine = shown(explorer)
    assert explorer.status.value == "" and explorer.image.value == MINE
    explorer.choose(1)
    other = shown(explorer)
    enter(explorer.path, str(path))
    assert shown(explorer) == mine != other
    path.write_bytes(png(Image.radial_gradient("L")))
    enter(explorer.path, str(path))
    changed = shown(explorer)
    assert changed not in (mine, other)
    path.write_bytes(b"broken")
    enter(explorer.path, str(path))
    assert "is no image" in explorer.status.value and shown(explorer) == changed
    path.write_bytes(OWN)
    enter(explorer.path, str(path))
    assert shown(explorer) == mine and explorer.status.value == ""


def test_an_image_that_was_restored_is_not_restored_again(explorer, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(OWN)
    enter(explorer.path, str(tmp_path / "a.png"))
    monkeypatch.setattr(module, "compare", pytest.fail)
    enter(explorer.path, str(tmp_path / "a.png"))
    upload(explorer.upload, OWN)
    assert explorer.image.value == MINE and explorer.status.value == ""


def test_own_image_by_path_in_grey_and_colour_and_inverted(explorer, tmp_path):
    with pytest.raises(ValueError, match="there is no image of yours yet"):
        explorer.choose(MINE)
    before = shown(explorer)
    explorer.choose(0)
    explorer.image.value = MINE  # a click
    assert "there is no image of yours yet" in explorer.status.value and shown(explorer) == before
    path = tmp_path / "own.png"
    Image.new("RGB", (64, 64), (255, 0, 0)).save(path)
    explorer.path.value = str(path)
    assert explorer.comparison.x0.shape == (1, 32, 32)
    explorer.data.value = "cifar10"
    assert explorer.comparison.x0[:, 0, 0].tolist() == [1, -1, -1]
    explorer.invert.value = True
    assert explorer.comparison.x0[:, 0, 0].tolist() == [-1, 1, 1]
    Image.new("RGB", (64, 64), (0, 0, 255)).save(path)
    explorer.invert.value = False
    explorer.open(path)  # the same path with other content is another image
    assert explorer.comparison.x0[:, 0, 0].tolist() == [-1, -1, 1]
    explorer.choose(1)
    assert explorer.comparison.title == "deblurring, photos test image 1, T = 3: a toy"


def test_a_digit_on_paper_is_made_like_those_of_mnist(explorer):
    page = Image.new("RGB", (400, 300), (230, 225, 210))
    ImageDraw.Draw(page).line([(160, 100), (240, 100), (180, 200)], (40, 40, 40), 12)
    explorer.open(png(page))
    x0 = explorer.comparison.x0[0]
    assert x0[:3].max() == -1 and x0.max() > 0.5  # light on black
    explorer.data.value = "cifar10"
    assert explorer.comparison.x0[:, 0, 0].min() > 0.5  # paper stays paper


def test_gif_by_function_and_button(explorer, tmp_path):
    path = explorer.save_gif()
    assert path == tmp_path / "deblur-mnist-0.gif"
    with Image.open(path) as gif:
        assert gif.format == "GIF" and gif.n_frames == 4
    path.unlink()
    explorer.gif.click()
    output, = explorer.saved.outputs
    address, said = re.search('href="(.+?)".*>(.+?)</a>', output["data"]["text/html"]).groups()
    assert path.is_file() and said == str(path) and Path(address).resolve() == path  # relative to the notebook
    assert not Path(address).is_absolute() and not explorer.gif.disabled
    explorer.choose(1)
    assert not explorer.saved.outputs
    assert explorer.save_gif(tmp_path / "deep" / "mine.gif").is_file()


class Kernel:
    """A loop that remembers what is to be called later."""

    def __init__(self):
        self.waiting = []

    def call_later(self, seconds, call):
        self.waiting.append(call)
        return SimpleNamespace(cancel=lambda: self.waiting.remove(call))


def test_of_clicks_that_wait_the_newest_counts(explorer, monkeypatch):
    kernel, restored, refresh = Kernel(), [], explorer._refresh
    monkeypatch.setattr(module, "get_running_loop", lambda: kernel)
    explorer._refresh = lambda: (restored.append(explorer.image.value), refresh())
    for number in (1, 2, 0, 3):
        explorer.image.value = number
        assert explorer.status.value == "restoring ..." and not restored
    for call in kernel.waiting:
        call()
    assert restored == [3] and explorer.status.value == "" and "image 3" in explorer.picture.value

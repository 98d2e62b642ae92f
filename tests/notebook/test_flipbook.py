"""The flipbook: every position of its sliders shows the page painted for it, and none does any work."""
import base64
import re

import matplotlib.figure
import pytest
import torch
from PIL import Image

from colddiff_nb.notebook import figures, pictures
from colddiff_nb.notebook.flipbook import Flipbook


def page(name: str) -> tuple[bytes, str]:
    return name.encode(), f"This is <{name}>."


NESTED = {"blur": {t: page(f"blur {t}") for t in range(5)}, "pixels": {t: page(f"pixels {t}") for t in range(3)}}


@pytest.fixture
def book(monkeypatch):
    """A flipbook after which no network, no painter and no matplotlib can be called any more."""
    made = Flipbook(NESTED, ["degradation", "severity"])

    def never(*values, **more):
        raise AssertionError("the slider's callback did work")
    for where, name in ((torch.nn.Module, "__call__"), (matplotlib.figure.Figure, "__init__"), (Image, "new"), (Image.Image, "save"),
                        (pictures, "png"), (pictures, "grid"), (figures, "frame")):
        monkeypatch.setattr(where, name, never)
    return made


def shown(book):
    """The page's PNG bytes, and its sentence: beside the picture for those who do not see it, and below it."""
    pattern = 'base64,(.+?)" alt="(.+?)".*>(.+?)</div>'
    picture, alternative, sentence = re.search(pattern, book.page.value).groups()
    assert alternative == sentence
    return base64.b64decode(picture), sentence


def test_every_position_shows_its_page(book):
    kind, severity = book.controls
    assert shown(book) == (b"blur 0", "This is &lt;blur 0&gt;.")
    for name in ("blur", "pixels", "blur"):
        kind.value = name
        assert list(severity.options) == list(NESTED[name])
        for t in [*NESTED[name], 1, 0]:
            severity.value = t
            assert shown(book) == (f"{name} {t}".encode(), f"This is &lt;{name} {t}&gt;.")


def test_another_choice_keeps_the_severity_or_takes_the_last(book):
    kind, severity = book.controls
    severity.value = 1
    kind.value = "pixels"
    assert severity.value == 1 and shown(book)[0] == b"pixels 1"
    kind.value = "blur"
    severity.value = 4
    kind.value = "pixels"
    assert severity.value == 2 and shown(book)[0] == b"pixels 2"


def test_texts_make_a_list_and_numbers_a_slider(book):
    assert [type(control).__name__ for control in book.controls] == ["Dropdown", "SelectionSlider"]
    assert [control.description for control in book.controls] == ["degradation", "severity"]


def test_three_sliders():
    nested = {a: {b: {c: page(f"{a} {b} {c}") for c in range(2)} for b in range(3)} for a in range(2)}
    book = Flipbook(nested, ["row", "column", "width"])
    for a in nested:
        for b in nested[a]:
            for c in nested[a][b]:
                for control, value in zip(book.controls, (a, b, c)):
                    control.value = value
                assert shown(book)[0] == f"{a} {b} {c}".encode()

"""Odd values for the doors of doors.py: arguments with one or two of them spoilt, damaged files, pictures of all modes."""
from __future__ import annotations

import contextlib
import io
from typing import Any

import torch
from hypothesis import strategies as st
from PIL import Image

junk = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 130), st.sampled_from([2 ** 31, 2 ** 63, -(2 ** 70), 10 ** 400, 1e308, -1e-300]), st.floats(),
    st.text(max_size=8), st.binary(max_size=8), st.lists(st.integers(-2, 60), max_size=4), st.tuples(st.floats(), st.floats()),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.just(object()))


def make_tensor(shape: list[int], dtype: torch.dtype) -> torch.Tensor:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 4 - 1
    return values.to(dtype)


dtypes = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64])
tensors = st.builds(make_tensor, st.lists(st.integers(0, 9), max_size=5), dtypes)


def mutate(content: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    """Bytes changed, cut off, doubled or put in at relative positions."""
    for kind, place, value in changes:
        at = int(place * len(content))
        byte = bytes([value])
        content = {"change": content[:at] + byte + content[at + 1:], "cut": content[:at], "put in": content[:at] + byte * 9 + content[at:],
                   "double": content + content[at:], "nothing": content}[kind]
    return content


changes = st.lists(st.tuples(st.sampled_from(["change", "change", "cut", "put in", "double", "nothing"]), st.floats(0, 1),
                             st.integers(0, 255)), min_size=1, max_size=4)
plain = st.recursive(junk.filter(lambda value: value is None or type(value) in (bool, int, float, str)) | tensors,
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=4)


@st.composite
def spoilt(draw: Any, good: dict[str, st.SearchStrategy]) -> dict[str, Any]:
    """Arguments by name that are all good, but for none, one or two; in place of x0 also other tensors."""
    bad = draw(st.sets(st.sampled_from(sorted(good)), max_size=2))
    return {name: draw(strategy if name not in bad else junk | tensors if name == "x0" else junk) for name, strategy in good.items()}


def some_of(optional: dict[str, st.SearchStrategy]) -> st.SearchStrategy:
    """Some of the arguments, perhaps spoilt."""
    return st.sets(st.sampled_from(sorted(optional)), min_size=1).flatmap(lambda names: spoilt({name: optional[name] for name in names}))


def picture(mode: str, size: tuple[int, int], form: str, orientation: int, mutations: list) -> bytes:
    """An image file of any mode, turned by EXIF, perhaps damaged."""
    file, image = io.BytesIO(), Image.new(mode, size, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    with contextlib.suppress(OSError, ValueError, KeyError):  # not every form holds every mode
        image.save(file, form, exif=exif.tobytes())
    return mutate(file.getvalue(), mutations)


pictures = st.tuples(st.sampled_from(["L", "1", "P", "RGB", "RGBA", "LA", "PA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"]),
                     st.tuples(st.integers(1, 40), st.integers(1, 40)) | st.sampled_from([(1, 1), (1, 3_000), (2_000, 1_500)]),
                     st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM"]), st.integers(0, 9),
                     changes | st.just([("nothing", 0.0, 0)])).map(lambda drawn: picture(*drawn))

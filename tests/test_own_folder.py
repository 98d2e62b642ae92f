"""A data set from a folder of the reader's own images: any size and mode, split by content; one line where it must be refused."""
import shutil

import pytest
import torch
from PIL import Image

from colddiff_nb import own_image
from colddiff_nb.data import SPLITS, load, to_uint8
from colddiff_nb.networks import build
from colddiff_nb.recipes import recipe
from colddiff_nb.validation import validation_scores

MODES = ("RGB", "L", "RGBA", "P", "1", "LA", "CMYK", "I;16", "F", "I")


@pytest.fixture
def folder(tmp_path):
    """30 different images in two subfolders and beside them, a copy of one of them, and files that are none."""
    where = tmp_path / "mine"
    for number in range(30):
        mode, place = MODES[number % len(MODES)], where / ("", "cats", "dogs")[number % 3] / ("deep" if number % 3 and number % 2 else "")
        place.mkdir(parents=True, exist_ok=True)
        image = Image.linear_gradient("L").rotate(12 * number).resize((20 + 5 * number, 90 - number))
        form = "tiff" if mode in ("CMYK", "F", "I", "I;16") else "PNG" if number % 4 else "webp" if mode in ("RGB", "L") else "gif"
        (image if mode == "I;16" else image.convert(mode)).save(place / f"{number}.{form}")
    shutil.copy(where / "cats" / "deep" / "1.PNG", where / "a copy.png")
    (where / "notes.txt").write_text("no image")
    (where / "._1.PNG").write_text("what a Mac leaves behind")
    return where


def splits(folder, size=32):
    return [load(f"folder:{folder}", split, size=size) for split in SPLITS]


def image_bytes(images):
    return [image.tobytes() for image in images.pixels.numpy()]


def test_any_size_and_mode_is_split_with_no_image_in_two_splits(folder):
    train, validation, test = splits(folder)
    assert [len(images) for images in (train, validation, test)] == [24, 3, 3]
    assert len({*image_bytes(train), *image_bytes(validation), *image_bytes(test)}) == 30
    assert train.pixels.shape[1:] == (3, 32, 32) and train.pixels.dtype == torch.uint8
    assert test.name == f"folder:{folder}" and splits(folder, size=16)[2].pixels.shape == (3, 3, 16, 16)


def test_images_are_those_of_own_image_and_labels_their_subfolders(folder):
    classes = {}
    for file in folder.rglob("[0-9]*.*"):
        pixels = to_uint8(own_image.to_x0(own_image.open_image(file), 3))
        classes[pixels.numpy().tobytes()] = ["", "cats", "dogs"].index(file.relative_to(folder).parts[0] if file.parent != folder else "")
    del classes[to_uint8(own_image.to_x0(own_image.open_image(folder / "a copy.png"), 3)).numpy().tobytes()]  # in two classes
    found = {image: label for images in splits(folder) for image, label in zip(image_bytes(images), images.labels.tolist())}
    assert classes.items() <= found.items() and len(found) == 30


def test_names_and_places_do_not_matter(folder, tmp_path):
    before = splits(folder)
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, file in enumerate(sorted(folder.rglob("[0-9]*.*"), reverse=True)):
        shutil.copy(file, flat / f"{number}{file.suffix.upper()}")
    assert [images.checksum for images in splits(flat)] == [images.checksum for images in before]


def fill(folder, count):
    for number in range(count):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / f"{number}.png")


def test_ten_images_are_the_fewest(tmp_path):
    fill(tmp_path, 10)
    assert [len(images) for images in splits(tmp_path)] == [8, 1, 1]


@pytest.mark.parametrize(("make", "error", "message"), [
    (shutil.rmtree, FileNotFoundError, "there is no folder '{}': write folder:PATH with the path of a folder of images"),
    (lambda folder: (folder / "notes.txt").write_text(""), ValueError, "'{}' holds no image: put .png, .jpg, .jpeg, .gif, .bmp, .tif, "
     ".tiff, .webp files there, or into its subfolders"),
    (lambda folder: fill(folder, 9), ValueError, "'{}' holds 9 different images, too few to split: put at least 10 there"),
    (lambda folder: [shutil.copy(*pair) for pair in [(fill(folder, 9) or folder / "1.png", folder / "10.png")]], ValueError,
     "'{}' holds 9 different images, too few to split: put at least 10 there"),
    (lambda folder: (fill(folder, 12), (folder / "3.png").write_bytes(b"broken")), ValueError,
     "'{}/3.png' is no image that can be read: give a PNG, JPEG, GIF, BMP, TIFF or WebP file"),
])
def test_what_must_be_refused_is_refused_in_one_line(tmp_path, make, error, message):
    make(tmp_path)
    with pytest.raises(error) as raised:
        load(f"folder:{tmp_path}", "test")
    assert str(raised.value) == message.format(tmp_path)


def test_no_path_is_no_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, 10)
    with pytest.raises(FileNotFoundError, match="there is no folder ''"):
        load("folder:", "test")
    assert len(load("folder:.", "train")) == 8


def test_few_validation_images_are_scored_all(folder):
    choice = recipe("smoke", "inpaint", f"folder:{folder}")
    network = build(choice, choice.degradation())
    assert len(splits(folder)[1]) == 3
    assert 0 < validation_scores(choice)(1, network)["rmse_direct"] < 1

"""A data set from a folder of the reader's own images: any size and mode, split by content; one line where it must be refused."""
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from colddiff_nb.__main__ import main
from colddiff_nb.data import SPLITS, load, own_folder, own_image, to_uint8
from colddiff_nb.degradations import make
from colddiff_nb.metrics.evaluation import evaluate, refuse_training_images
from colddiff_nb.notebook.model_choice import choose_model, own_weights
from colddiff_nb.training import recipe, train
from colddiff_nb.training.validation import validation_scores
from colddiff_nb.weights import load_model

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


def test_ten_images_are_the_fewest_and_can_be_evaluated(tmp_path):
    fill(tmp_path, 10)
    assert [len(images) for images in splits(tmp_path)] == [6, 2, 2]
    cells = evaluate((None, make("inpaint", "photos"), {}), splits(tmp_path)[2], methods=("degraded",), log=lambda line: None)["cells"]
    assert cells[0]["n"] == 2


def written(place, image=None):
    """A small image at a path whose folders are made for it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    (image or Image.effect_noise((9, 9), 90)).save(place)


def labels_of(folder):
    return sorted(torch.cat([images.labels for images in splits(folder)]).tolist())


def test_what_a_system_leaves_behind_and_what_is_no_file_is_no_image(tmp_path, capsys):
    fill(tmp_path, 10)
    for place in ("@eaDir/1.png", "cats/@eaDir/SYNOPHOTO.jpg", "__MACOSX/2.png", ".Trash-1000/files/3.png", ".hidden.png"):
        written(tmp_path / place)
    (tmp_path / "a folder.png").mkdir()
    os.mkfifo(tmp_path / "a pipe.png")  # to open it would wait for ever
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert sum(map(len, splits(tmp_path))) == 10
    assert capsys.readouterr().err == f"'{tmp_path}': images are cut to squares of 32 x 32\n"


def test_class_folders_that_are_links_are_followed(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "mine"
    for number in range(5):
        written(elsewhere / f"{number}.png")
        written(folder / "dogs" / f"{number}.png")
    (folder / "cats").symlink_to(elsewhere)
    (folder / "dogs" / "itself").symlink_to(folder / "dogs" / "itself")
    assert labels_of(folder) == [0] * 5 + [1] * 5


def test_every_common_ending_and_one_line_for_the_others(tmp_path, capsys):
    endings = ["JFIF", "jpeg", "JPG", "png", "PNG", "webp", "bmp", "gif", "tif", "TIFF"]
    for ending in endings:
        written(tmp_path / f"image.{ending}", Image.effect_noise((64, 64), 90))
    assert sum(map(len, splits(tmp_path))) == len(endings) and "left out" not in capsys.readouterr().err
    for number in range(12):
        (tmp_path / f"IMG_{number}.HEIC").touch()
    (tmp_path / "film.mpg").touch()
    splits(tmp_path)
    names = ", ".join(sorted(f"'IMG_{number}.HEIC'" for number in range(12))[:10])
    assert capsys.readouterr().err.startswith(f"'{tmp_path}': left out 13 ({names}, ...): take PNG, JPEG, GIF, BMP, TIFF or WebP\n")


def test_all_damaged_files_are_named_in_one_line(tmp_path, monkeypatch):
    fill(tmp_path, 12)
    for number in (3, 7):
        (tmp_path / f"{number}.png").write_bytes(b"broken")
    Image.new("L", (50, 50)).save(tmp_path / "9.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError) as raised:
        load(f"folder:{tmp_path}", "train")
    assert str(raised.value) == (f"3 of 12 files cannot be used: '{tmp_path}/3.png' is no image that can be read; '{tmp_path}/7.png' is "
                                 f"no image that can be read; '{tmp_path}/9.png' has too many pixels")


def test_files_are_decoded_once_and_again_when_one_has_changed(tmp_path, monkeypatch):
    fill(tmp_path, 10)
    opened = []
    monkeypatch.setattr(own_folder, "open_image", lambda file: opened.append(file) or own_image.open_image(file))
    before = splits(tmp_path)
    before[0].pixels[:] = 0  # what a caller does to its images stays with it
    assert [images.pixels.max() > 0 for images in splits(tmp_path)] == [True] * 3 and len(opened) == 10
    Image.new("RGB", (4, 4), (0, 99, 0)).save(tmp_path / "0.png")
    assert any((images.pixels[:, 1] == 99).any() for images in splits(tmp_path)) and len(opened) == 20


@pytest.mark.parametrize(("make", "error", "message"), [
    (shutil.rmtree, FileNotFoundError, "there is no folder '{}': write folder:PATH with the path of a folder"),
    (lambda folder: (folder / "notes.txt").write_text(""), ValueError, "'{}' holds no image: "
     "put PNG, JPEG, GIF, BMP, TIFF or WebP files there, or into its subfolders"),
    (lambda folder: fill(folder, 9), ValueError, "'{}' holds 9 different images, too few to split: put at least 10 there"),
    (lambda folder: [shutil.copy(*pair) for pair in [(fill(folder, 9) or folder / "1.png", folder / "10.png")]], ValueError,
     "'{}' holds 9 different images, too few to split: put at least 10 there"),
    (lambda folder: (fill(folder, 12), (folder / "3.png").write_bytes(b"broken")), ValueError,
     "1 of 12 files cannot be used: '{}/3.png' is no image that can be read"),
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
    assert len(load("folder:.", "train")) == 6


def test_few_validation_images_are_scored_all(folder):
    choice = recipe("smoke", "inpaint", f"folder:{folder}")
    network = choice.build(choice.degradation())
    assert len(splits(folder)[1]) == 3
    assert 0 < validation_scores(choice)(1, network)["rmse_direct"] < 1


TINY = {"widths": (8, 8, 8), "steps": 2, "batch": 4, "evaluate_every": 2, "save_every": 2}


def train_here(dataset, *more):
    """As on the command line, from the working directory."""
    settings = "--task superres --widths 8 8 8 --steps 2 --batch 4".split()
    return main(["train", "smoke", *settings, "--dataset", dataset, *more])


def some_photos(folder, first=0):
    folder.mkdir(parents=True)
    for number in range(first, first + 12):
        Image.new("RGB", (16, 16), (20 * number % 256, number, 99)).save(folder / f"{number}.png")
    return folder


def test_spellings_are_one_run_and_two_folders_of_one_name_are_two(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    some_photos(tmp_path / "a" / "photos")
    for spelling in ("a/photos", "./a/photos/", f"{tmp_path}/a/photos"):
        assert train_here(f"folder:{spelling}") == 0
        assert len(list((tmp_path / "runs").iterdir())) == 1
    assert capsys.readouterr().out.count("resumed at step 2") == 2
    some_photos(tmp_path / "b" / "photos", first=50)
    assert train_here("folder:b/photos") == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2
    (tmp_path / "a" / "photos").rename(tmp_path / "holiday")
    assert train_here("folder:holiday") == 0 and len(list((tmp_path / "runs").iterdir())) == 2
    one, other = (own_weights("superres", f"folder:{path}", "runs") for path in ("holiday", "b/photos"))
    assert one and other and one != other
    shutil.rmtree("b")
    assert load_model(other)[2]["recipe"]["dataset"] == "folder:b/photos", "weights load without their folder"


def test_another_content_under_the_same_name_is_another_training(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    some_photos(tmp_path / "photos")
    assert train_here("folder:photos", "--run", "kept") == 0
    Image.new("RGB", (16, 16), "white").save(tmp_path / "photos" / "new.png")
    assert train_here("folder:photos", "--run", "kept") == 2
    assert "kept holds another training (data.checksum: " in capsys.readouterr().err


def test_what_a_folder_is_its_checksum_says(tmp_path):
    first, renamed = some_photos(tmp_path / "first"), tmp_path / "second"
    trained_on = load(f"folder:{first}", "validation").provenance
    first.rename(renamed)
    with pytest.raises(ValueError, match="the weights were trained on folder:.*first validation"):
        refuse_training_images(load(f"folder:{renamed}", "validation"), trained_on)
    other = load(f"folder:{some_photos(first, first=70)}", "validation")
    refuse_training_images(other, trained_on)  # another folder that stands where the first one stood


def test_mine_is_for_the_images_asked_for(tmp_path, monkeypatch):
    """Brackets in names are no patterns, and a colour folder called mnist5k is not MNIST."""
    monkeypatch.chdir(tmp_path)
    some_photos(tmp_path / "mnist5k")
    grey = recipe("smoke", "superres", "mnist5k", **TINY)
    train(grey, "runs [1]/[x]-superres-mnist5k", log=lambda line: None)
    found = own_weights("superres", "mnist5k", "runs [1]")
    assert found == Path("runs [1]/[x]-superres-mnist5k/weights.safetensors")
    assert own_weights("res", "mnist5k", "runs [1]") is None, "another task, whose name ends alike"
    assert choose_model("superres", "mnist5k", "mine", "runs [1]").restore.channels == 1
    chosen = choose_model("superres", "folder:./mnist5k/", "mine", "runs [1]", named="smoke")
    assert chosen.restore.channels == 3 and chosen.label.startswith("own weights")
    found = own_weights("superres", f"folder:{tmp_path}/mnist5k", "runs [1]")
    assert found is not None and found.parent.name.startswith("smoke-superres-folder-")
    (found.parent / "weights.safetensors").write_bytes(b"damaged")
    assert choose_model("superres", "mnist5k", "shipped", "runs [1]").label.startswith("shipped weights")

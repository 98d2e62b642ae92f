"""Trainings at another size than the paper's 32 x 32: each task trains, resumes, scores and exports; wrong sizes get one line."""
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

from colddiff_nb.__main__ import main
from colddiff_nb.data import load
from colddiff_nb.degradations import TASKS, make
from colddiff_nb.metrics.evaluation import evaluate
from colddiff_nb.notebook.explorer import Explorer
from colddiff_nb.notebook.model_choice import own_weights
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.training import Recipe, recipe, train
from colddiff_nb.training.validation import validation_scores
from colddiff_nb.weights import load_model, load_pretrained

pytestmark = pytest.mark.slow

TINY = {"steps": 4, "batch": 4, "widths": (8, 8, 8), "evaluate_every": 2, "save_every": 2, "precision": "float32"}
TINY_NETWORK = ["--widths", "8", "8", "8", "--steps", "1", "--batch", "2"]
README = Path(__file__).parents[2] / "README.md"


def quiet(line):
    pass


@pytest.fixture(scope="module")
def large():
    return {split: load("mnist5k", split, size=64) for split in ("train", "test")}


@pytest.mark.parametrize("task", TASKS)
def test_a_training_at_64_resumes_bit_for_bit_and_its_weights_remember_the_size(task, large, tmp_path):
    choice = recipe("smoke", task, "mnist5k", **TINY, size=64, T=3, rollout=0.5)
    scores, given = validation_scores(choice, n=2), {"images": large["train"], "log": quiet}
    whole = train(choice, tmp_path / "whole", on_evaluate=scores, **given).state_dict()
    train(choice, tmp_path / "parts", on_evaluate=scores, **given, until=2)
    parts = train(choice, tmp_path / "parts", on_evaluate=scores, **given).state_dict()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)

    network, degrade, metadata = load_model(tmp_path / "whole/weights.safetensors")
    assert degrade.options == choice.degradation().options and metadata["size"] == metadata["recipe"]["size"] == 64
    cells = evaluate((network, degrade, metadata), large["test"], n=4, log=quiet)["cells"]
    assert [cell["variant"] for cell in cells] == 4 * ["T = 3, size 64"] and all(0 < cell["rmse"] < 1 for cell in cells)


def test_train_and_evaluate_take_a_folder_of_pictures_at_64_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for shade in range(12):
        Image.new("RGB", (100, 80), (20 * shade, 9 * shade, 90)).save(tmp_path / f"mine/{shade}.png")
    line = next(line for line in README.read_text().splitlines() if line.startswith("- **Your own folder:**"))
    command = line.split("`")[1].replace("PATH", "mine").split()
    assert command[-2:] == ["--size", "64"] and main([*command, "--task", "inpaint", *TINY_NETWORK]) == 0
    assert capsys.readouterr().err.count("'mine': images are cut to squares of 64 x 64") == 1
    weights, = tmp_path.glob("runs/small-inpaint-folder-*-64/weights.safetensors")
    assert load_model(weights)[0].size == 64
    for options, size in ([], 64), (["--size", "40"], 40):  # a network for masks takes other sizes, too
        assert main(["evaluate", str(weights), "--methods", "direct", *options]) == 0
        assert f"T = 50, size {size}" in capsys.readouterr().out
    restore = ["restore", "mine/3.png", "--weights", str(weights), "--severity", "3", "--method", "direct"]
    assert main(restore) == 0
    assert "3.png, its central square at 64 x 64 pixels" in capsys.readouterr().out and list(tmp_path.glob("mine/3-*.png"))


@pytest.mark.parametrize("size", [0, -8, 8, 60, 136, 10 ** 9])
def test_a_size_that_cannot_be_is_one_line(size, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"^size = {size}: it must be a multiple of 8, from 16 to 128$"):
        Recipe(size=size)
    try:
        code = main(["train", "smoke", *TINY_NETWORK, "--size", str(size)])
    except SystemExit as refused:
        code = refused.code
    assert code == 2 and f"size = {size}: it must be a multiple of 8" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [16, 128])
def test_the_smallest_and_the_largest_size_train_and_are_scored(size, tmp_path):
    choice = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 1}, size=size)
    images = load("mnist5k", "validation", size=size)
    train(choice, tmp_path, images=images, on_evaluate=validation_scores(choice, n=2), log=quiet)
    assert load_weights(tmp_path / "weights.safetensors")[1]["last_row"]["ssim_direct"] > 0


def test_images_and_weights_of_another_size_are_refused_in_one_line(large, tmp_path, capsys):
    choice = recipe("smoke", "superres", "mnist5k", **TINY, size=64)
    train(choice, tmp_path / "run", images=large["train"], log=quiet)
    weights = tmp_path / "run/weights.safetensors"
    with pytest.raises(ValueError, match=r"^images are \(C, H, W\) = \(1, 64, 64\), and the recipe's \(1, 32, 32\): put"):
        train(replace(choice, size=32), tmp_path / "new", images=large["train"])
    with pytest.raises(ValueError, match="cannot start this training: size: 64 there, 32 here"):
        train(replace(choice, size=32), tmp_path / "new", init=weights)
    with pytest.raises(ValueError, match="holds another training .*recipe.size: 64 there, 32 here"):
        train(replace(choice, size=32), tmp_path / "run")
    assert main(["evaluate", str(weights), "--size", "32"]) == 2
    assert "H and W 64 x 64 pixels" in capsys.readouterr().err
    assert own_weights("superres", "mnist5k", tmp_path) is None, "the notebooks' images are 32 x 32"
    with pytest.raises(ValueError, match=r"images are torch.float32 \(1, 1, 64, 64\); this superres takes floats \(B, C, 32, 32\)"):
        load_pretrained("superres", "mnist")[1](torch.zeros(1, 1, 64, 64), 1)


def test_the_explorer_shows_images_at_the_size_of_the_weights(large, tmp_path):
    train(recipe("smoke", "superres", "mnist5k", **TINY, size=64), tmp_path, images=large["train"], log=quiet)
    restore, degrade, _ = load_model(tmp_path / "weights.safetensors")
    explorer = Explorer(lambda task, data: (restore, degrade, "mine"), {"mnist5k": load("mnist5k", "test")})
    assert explorer.comparison.x0.shape == (1, 64, 64)
    buffer = BytesIO()
    Image.new("RGB", (100, 80), "red").save(buffer, "PNG")
    explorer.open(buffer.getvalue())
    assert explorer.comparison.x0.shape == (1, 64, 64) and "cut to 64 x 64" in explorer.comparison.title


def test_masks_widen_with_the_image_and_the_papers_numbers_stay():
    assert make("inpaint").options["sigma"] == (1.1, 0.1) and make("inpaint", size=64).options["sigma"] == (2.2, 0.2)
    assert make("inpaint", size=64, sigma=(1.1, 0.1)).options["sigma"] == (1.1, 0.1)
    small, large = (make("inpaint", size=size, center=(size // 2, size // 2), T=20) for size in (32, 64))
    here, there = (degrade(torch.ones(1, 1, degrade.size, degrade.size), 20)[0, 0] for degrade in (small, large))
    assert torch.allclose(there[::2, ::2], here, atol=1e-5), "the same share of the picture is hidden"

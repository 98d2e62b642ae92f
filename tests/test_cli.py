"""The command line: what a newcomer types, and what they get when it is wrong."""
import json

import pytest

from colddiff_nb.__main__ import main

TRAIN = ["train", "smoke", "--task", "superres", "--dataset", "mnist5k", "--widths", "8", "8", "8", "--steps", "4", "--batch", "8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    assert main([*TRAIN, "--run", str(folder)]) == 0
    return folder


def test_train_writes_weights_and_the_same_command_is_then_done(run, capsys):
    assert (run / "weights.safetensors").exists() and (run / "curve.csv").read_text().startswith("step,images,loss,rmse_direct")
    assert main([*TRAIN, "--run", str(run)]) == 0
    assert "resumed at step 4" in capsys.readouterr().out


def test_evaluate_then_table(run, capsys):
    assert main(["evaluate", str(run / "weights.safetensors"), "--n", "20"]) == 0
    printed = capsys.readouterr().out
    assert "| superres | mnist5k | T = 3" in printed and "algorithm2" in printed
    cells = json.loads((run / "metrics.json").read_text())["cells"]
    assert [cell["method"] for cell in cells] == ["degraded", "direct", "algorithm1", "algorithm2"] and all(cell["n"] == 20 for cell in cells)
    assert main(["table", str(run)]) == 0
    assert "algorithm2" in capsys.readouterr().out


def test_sample_paints_a_picture(run, tmp_path):
    assert main(["sample", str(run / "weights.safetensors"), "--output", str(tmp_path / "picture.png"), "--n", "2"]) == 0
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments, message", [
    (["train", "smoke", "--task", "sharpen"], "unknown task 'sharpen'"),
    (["evaluate", "nowhere.safetensors"], "there are no weights at nowhere.safetensors"),
    (["table"], "no folders were given"),
    (["table", "nowhere"], "nowhere has no metrics.json"),
    ([*TRAIN, "--dataset", "imagenet"], "unknown data set 'imagenet'"),
    ([*TRAIN, "--dataset", "cifar10", "--data", "nowhere"], "photos"),
])
def test_errors_are_one_line(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as refused:  # the command line library refuses some values by itself
        code = refused.code
    assert code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_help_is_understood_by_a_newcomer(capsys):
    with pytest.raises(SystemExit):
        main(["train", "quick", "--help"])
    printed = capsys.readouterr().out
    assert "--task" in printed and "deblur, superres, inpaint" in printed and "--run" in printed

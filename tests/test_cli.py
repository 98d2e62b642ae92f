"""The command line: what a newcomer types, and what they get when it is wrong."""
import json
import shutil

import pytest
from command_line import refused

from colddiff_nb.__main__ import main
from colddiff_nb.commands.common import PROGRAM
from colddiff_nb.degradations.tasks import BUILT_IN
from colddiff_nb.weights.pretrained import SHIPPED

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
    assert "superres on mnist5k, T = 3, from float32, 20 images\n" in printed and "algorithm2" in printed
    assert "superres mnist5k, direct from float32: RMSE" in printed and "not run" not in printed
    assert f"wrote {run / 'metrics.json'}\nnext: {PROGRAM} restore --weights {run}" in printed
    assert max(map(len, printed[printed.index("superres on mnist5k, T"):printed.index("wrote")].splitlines())) <= 80
    cells = json.loads((run / "metrics.json").read_text())["cells"]
    assert [cell["method"] for cell in cells] == ["degraded", "direct", "algorithm1", "algorithm2"] and all(cell["n"] == 20 for cell in cells)
    assert main(["table", str(run)]) == 0
    assert "algorithm2" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, message", [
    (["train", "smoke", "--task", "sharpen"], "unknown task 'sharpen'"),
    (["evaluate", "nowhere.safetensors"], "there are no weights at nowhere.safetensors"),
    (["table"], "name run folders that hold a metrics.json"),
    (["table", "nowhere"], "nowhere has no metrics.json"),
    ([*TRAIN, "--dataset", "imagenet"], "unknown data set 'imagenet'"),
    ([*TRAIN, "--dataset", "cifar10", "--data", "nowhere"], "photos"),
])
def test_errors_are_one_line(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(arguments, capsys)


def test_help_is_understood_by_a_newcomer(capsys):
    with pytest.raises(SystemExit):
        main(["train", "quick", "--help"])
    printed = capsys.readouterr().out
    assert "--task" in printed and "--run" in printed
    words = " ".join(printed.replace("│", " ").split())
    assert f"{', '.join(BUILT_IN)}, or your own" in words
    assert "--no-skips the small network's encoder is joined to its decoder; --no-skips: it is not" in words
    assert "{l1,l2}" in printed and "{float32,8bit,both}" in printed  # choices are those that a recipe is checked by


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    """Tiny weights for colour images."""
    folder = tmp_path_factory.mktemp("colour")
    assert main([*TRAIN, "--dataset", "photos", "--run", str(folder)]) == 0
    return folder / "weights.safetensors"


def test_weights_and_images_of_another_colour_are_refused(run, colour, capsys):
    weights = run / "weights.safetensors"
    assert "photos has 3 channels, and the network restores 1" in refused(["evaluate", weights, "--dataset", "photos"], capsys)
    assert "mnist5k has 1 channels, and the network restores 3" in refused(["evaluate", colour, "--dataset", "mnist5k"], capsys)
    assert main(["restore", "--weights", str(weights), "--dataset", "photos"]) == 2
    assert "do not fit this network: give (B, 1, H, W)" in capsys.readouterr().err


@pytest.mark.parametrize("command, message", [
    ("evaluate --T 4", "T = 4: give 1..3, and only for deblur"),
    ("evaluate --T 0", "T = 0: give 1..3, and only for deblur"),
    ("evaluate --batch 0", "batch = 0: it must be at least 1"),
    ("evaluate --n 0", "n = 0 lies outside 2..1000"),
])
def test_numbers_out_of_range_are_refused(command, message, run, capsys):
    assert message in refused([*command.split(), run / "weights.safetensors"], capsys)


def test_the_demo_refuses_a_recipe_that_is_not_there_before_it_trains(capsys):
    assert "unknown recipe 'nope': choose one of smoke, quick" in refused(["demo", "--recipe", "nope"], capsys)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 2100000\n"


@pytest.mark.parametrize("command", [["evaluate"], ["restore", "--weights"], [*TRAIN, "--run", "new", "--init"]])
def test_what_is_given_in_place_of_weights_is_named(command, run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "pointer.safetensors").write_text(POINTER)
    (tmp_path / "renamed.safetensors").write_bytes((run / "step-00000004.pt").read_bytes())
    checkpoint = run / "step-00000004.pt"
    is_a_folder = "is a folder, not weights: give the weights.safetensors that the end of a training writes"
    is_a_checkpoint = "is a checkpoint, not weights: give the weights.safetensors that the end"
    for given, message in {
            run: f"{run} {is_a_folder}", "empty": f"empty {is_a_folder}", checkpoint: f"step-00000004.pt {is_a_checkpoint}",
            "renamed.safetensors": f"renamed.safetensors {is_a_checkpoint}",
            "pointer.safetensors": "pointer.safetensors is a git-LFS pointer, not weights: fetch them, git lfs pull"}.items():
        assert message in refused([*command, given], capsys)


def test_a_file_in_place_of_a_run_folder_is_refused(run, tmp_path, capsys):
    said = refused([*TRAIN, "--run", tmp_path / "new", "--resume-from", run / "step-00000004.pt"], capsys)
    assert "step-00000004.pt (Not a directory): check the path" in said
    assert "has no metrics.json with scores" in refused(["table", run / "weights.safetensors"], capsys)


def test_weights_of_another_colour_cannot_start_a_training(run, colour, tmp_path, capsys):
    said = refused([*TRAIN, "--run", tmp_path / "new", "--init", colour], capsys)
    assert "cannot start this training: channels: 3 there, 1 here" in said
    said = refused([*TRAIN, "--dataset", "photos", "--run", tmp_path / "new", "--init", run / "weights.safetensors"], capsys)
    assert "cannot start this training: channels: 1 there, 3 here" in said


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_more_steps_than_a_finished_run_has_name_init(schedule, tmp_path, capsys):
    command = [*TRAIN, "--schedule", schedule, "--run", str(tmp_path / "run")]
    assert main(command) == 0
    said = refused([*command, "--steps", "6"], capsys)
    assert "recipe.steps: 4 there, 6 here" in said and "its weights can start this one, --init WEIGHTS --run NEW" in said
    assert "recipe.steps: 4 there, 2 here" in refused([*command, "--steps", "2"], capsys)
    more = ["--schedule", schedule, "--run", str(tmp_path / "more")]
    assert main([*TRAIN, *more, "--init", str(tmp_path / "run" / "weights.safetensors")]) == 0


def test_scores_of_shipped_weights_go_to_a_run_folder(tmp_path, capsys, monkeypatch):
    """Whoever scores them, by name or by path, leaves the package as it was."""
    before = sorted(SHIPPED.iterdir())
    monkeypatch.chdir(tmp_path)
    for shipped in ("superres-mnist", str(SHIPPED / "superres-mnist.safetensors")):
        assert main(["evaluate", shipped, "--dataset", "mnist5k", "--n", "4", "--methods", "direct"]) == 0
        assert "scores in runs/shipped-superres-mnist" in capsys.readouterr().out
        assert (tmp_path / "runs" / "shipped-superres-mnist" / "metrics.json").exists()
        shutil.rmtree(tmp_path / "runs")
    assert sorted(SHIPPED.iterdir()) == before

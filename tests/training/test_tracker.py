"""--tracker sends the rows of curve.csv to a tracker of Accelerate's; curve.csv stays the truth."""
from __future__ import annotations

import csv
from pathlib import Path

import accelerate.tracking
import pytest

from colddiff_nb.__main__ import main
from colddiff_nb.training import recipe, train

TINY = {"widths": (8, 8, 8), "steps": 4, "evaluate_every": 2, "save_every": 2, "precision": "float32"}


@pytest.fixture
def sent(monkeypatch):
    """What a tracker was given: its name, its settings, rows by step, and that it was finished."""
    told = {"rows": {}, "finished": False}

    class Tracker(accelerate.tracking.GeneralTracker):
        name, requires_logging_directory, tracker = "trackio", False, None

        def __init__(self, project, **options):
            super().__init__(_blank=True)
            told["name"] = options["name"]

        def start(self):
            pass

        def store_init_configuration(self, values):
            told["settings"] = values

        def log(self, values, step, **options):
            if told.get("broken"):
                raise OSError("no network")
            told["rows"][step] = values

        def finish(self):
            told["finished"] = True

    monkeypatch.setitem(accelerate.tracking.LOGGER_TYPE_TO_CLASS, "trackio", Tracker)
    monkeypatch.setattr(accelerate.tracking, "_available_trackers", [accelerate.utils.LoggerType.TRACKIO])
    return told


def curve(folder: Path) -> dict[int, dict[str, float]]:
    with open(folder / "curve.csv") as file:
        return {int(row.pop("step")): {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)}


def test_a_tracker_gets_the_rows_of_the_curve(tmp_path, sent):
    train(recipe("smoke", "superres", "mnist5k", **TINY), tmp_path / "digits", tracker="trackio", log=lambda line: None)
    assert sent["rows"] == curve(tmp_path / "digits") and set(sent["rows"]) == {2, 4}
    assert sent["name"] == "digits" and sent["settings"]["recipe.steps"] == 4 and sent["settings"]["recipe.widths"] == "(8, 8, 8)"
    assert sent["finished"]


def test_a_tracker_that_fails_does_not_stop_the_training(tmp_path, sent):
    sent["broken"], lines = True, []
    train(recipe("smoke", "superres", "mnist5k", **TINY), tmp_path, tracker="trackio", log=lines.append)
    assert sent["rows"] == {} and set(curve(tmp_path)) == {2, 4} and (tmp_path / "weights.safetensors").is_file()
    assert "the tracker did not take step 2, training goes on: OSError: no network" in lines


@pytest.mark.parametrize("name, said", [
    ("tensorbord", "Unsupported logging capability: tensorbord. Choose between"), ("wandb", "tracker 'wandb' is not installed")])
def test_a_tracker_that_is_not_there_is_named_before_anything_is_written(name, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(accelerate.tracking, "_available_trackers", [accelerate.utils.LoggerType.TRACKIO])
    command = ["train", "smoke", "--task", "superres", "--dataset", "mnist5k", "--run", str(tmp_path / "run"), "--tracker", name]
    assert main(command) == 2 and said in capsys.readouterr().err and not (tmp_path / "run").exists()

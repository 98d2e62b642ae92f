"""Benchmarks: works take turns, a goal is met or missed, and training stops after the rounds that were asked for."""
import json

import pandas as pd
import pytest

from benchmarks import findings
from benchmarks.training import train_in_rounds
from colddiff_nb import recipe


def test_works_take_turns_and_the_first_round_is_not_counted():
    done = []
    times = findings.in_turns({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, rounds=3)
    assert done == ["a", "b"] * 4 and times.shape == (3, 2) and (times >= 0).all(axis=None)


def test_a_ratio_is_the_median_of_those_within_rounds():
    times = pd.DataFrame({"slow": [2.0, 40.0, 3.0], "fast": [1.0, 10.0, 1.0]})  # the machine was busy in the second
    assert findings.ratio(times, "slow", "fast") == 3


@pytest.mark.parametrize("bounds, value, said", [
    ({"least": 2}, 2.5, "| x | 2.5 x | at least 2 x: met |"), ({"least": 2}, 1.5, "| x | 1.5 x | at least 2 x: **missed** |"),
    ({"most": 2}, 2.5, "| x | 2.5 x | at most 2 x: **missed** |"), ({}, 2.5, "| x | 2.5 x |  |")])
def test_a_row_says_whether_its_goal_is_met(bounds, value, said):
    assert findings.row("x", findings.finding(value, **bounds)) == said


def test_the_page_shows_ratios_of_each_device_and_no_seconds(tmp_path):
    assert findings.tables(tmp_path) == "Not measured yet."
    found = {"a ratio": findings.finding(3), "a time": findings.finding(3, "seconds")}
    record = {"machine": findings.machine(), "answers": {"start-up": {"load_average": [0.5, 1.0], "found": found}}}
    (tmp_path / "bench-cpu.json").write_text(json.dumps(record))
    page = findings.tables(tmp_path)
    assert "load average before it at most 0.5" in page and "| a ratio | 3 x |  |" in page and "a time" not in page


def test_training_is_left_after_its_rounds():
    steps = []
    train_in_rounds(recipe("smoke", "superres", "mnist5k", widths=(8, 8, 8), batch=4), 2, 3, steps.append)
    assert steps == [2, 4, 6]

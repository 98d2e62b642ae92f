"""The runner of studies: what it measures, what it skips, what it refuses, and what it leaves after a stop."""
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from studies.published import Published
from studies.study import Study, all_studies, each
from studies.tables import SECTIONS, section

HOME = Path(__file__).resolve().parents[2]


@dataclass
class Squares(Study):
    n: int = 3
    stop_at: int = -1

    file = "squares/{kind}.json"

    def header(self):
        return {"n": self.n}

    def cases(self):
        return each(kind=("even", "odd"), number=range(2))

    def measure(self, kind, number):
        if number == self.stop_at:
            raise KeyboardInterrupt
        CALLS.append((kind, number))
        for repeat in range(2):
            yield {"kind": kind, "number": number, "repeat": repeat, "square": number ** 2}


CALLS: list = []


@pytest.fixture
def squares(tmp_path):
    CALLS.clear()
    return lambda **options: Squares(results=tmp_path, **options)


def rows(study, kind):
    return json.loads(study.path(kind=kind).read_text())["rows"]


def test_recorded_rows_are_not_measured_again_and_a_stop_loses_none(squares):
    with pytest.raises(KeyboardInterrupt):
        squares(stop_at=1).run()
    assert CALLS == [("even", 0)] and len(rows(squares(), "even")) == 2
    squares().run()
    assert CALLS == [("even", 0), ("even", 1), ("odd", 0), ("odd", 1)] and len(rows(squares(), "odd")) == 4
    squares().run()
    assert len(CALLS) == 4


def test_rows_that_were_measured_otherwise_are_not_mixed_with_new_ones(squares):
    squares().run()
    before = squares().path(kind="even").read_bytes()
    with pytest.raises(ValueError, match=r"even.json has n = 3, not 5: write to another folder with --results"):
        squares(n=5).run()
    assert squares().path(kind="even").read_bytes() == before


def test_a_page_says_how_to_measure_what_is_not_there(tmp_path):
    @section
    def nothing(published):
        return f"{published.read('nothing.json')['n']} rows"

    assert SECTIONS.pop("nothing") is nothing
    assert nothing(Published(tmp_path)) == "Not run yet: `python -m studies run test_runner`."
    (tmp_path / "nothing.json").write_text('{"n": 7}')
    assert nothing(Published(tmp_path)) == "7 rows"


@pytest.mark.slow
def test_every_study_is_found_by_its_file_and_shows_its_options(tmp_path):
    files = {path.stem for path in (HOME / "studies").glob("*.py")}
    found = {name for name in all_studies() if name in files}
    assert found >= {"leaks", "steps", "models", "realism", "course_report"}
    for name in found:
        assert sys.modules[f"studies.{name}"].__doc__.strip().count("\n\n") < 4

    def said(*arguments):
        return subprocess.run([sys.executable, "-m", "studies", *arguments], cwd=HOME, capture_output=True, text=True)
    assert "--rollout FLOAT" in said("run", "curves", "--help").stdout
    (tmp_path / "nowhere").touch()
    wrong = said("run", "leaks", "--data", tmp_path / "nowhere", "--results", tmp_path / "new")
    assert wrong.returncode and "Traceback" not in wrong.stderr and "nowhere" in wrong.stderr
    assert "python -m studies report" in said().stderr

"""A training says how far it is: a bar where someone looks, plain lines in a log."""
import io
import sys

from survival import TINY, some_images

from colddiff_nb.storage import progress
from colddiff_nb.training import recipe, train

CHOICE = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 4, "save_every": 4, "evaluate_every": 4})


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_plain_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    lines = []
    train(CHOICE, tmp_path, images=some_images(), log=lines.append)
    assert any(line.startswith("superres mnist5k  step 2/4  loss 0.") and "images/s" in line and line.endswith("left") for line in lines), lines
    assert not any("\r" in line or "\n" in line or "|" in line for line in lines)


def test_no_line_comes_before_ten_seconds_have_passed(tmp_path):
    lines = []
    train(CHOICE, tmp_path, images=some_images(), log=lines.append)
    assert len(lines) == 1 and lines[0].startswith("superres mnist5k  step 4  images 16  loss ")


def test_a_terminal_gets_a_bar_and_the_lines_above_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    train(CHOICE, tmp_path, images=some_images())
    assert "step 4/4  loss 0." in sys.stderr.getvalue() and "|" in sys.stderr.getvalue()
    assert "step 4  images 16  loss 0." in capsys.readouterr().out

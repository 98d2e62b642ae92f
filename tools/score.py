"""Scores the exercises of handed-in notebooks: one test for each exercise of each notebook.

    HANDED_IN=FOLDER .venv/bin/pytest tools/score.py

reads every notebook in FOLDER and below it with the name of one of ours in its own (03_sampling.ipynb,
03_sampling_anna.ipynb). Only the exercise cells are taken from it; they run in our own notebook, with our
own checks, at smoke size and without downloads. It does run what was handed in: with the rights of whoever
calls it.
"""
from __future__ import annotations

import os
import re
import warnings
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from colddiff_nb.data.finder import count_and_names, find_files
from tools.notebooks import execute, inputs, named, printed, sources

HOME = Path(__file__).resolve().parent.parent
LONGEST = 300  # seconds for a cell


def answer(handed_in: NotebookNode, name: str, stub: str) -> str:
    """The handed-in cell of an exercise: by its tag or, where an editor dropped the tags, by its function."""
    tagged = named(handed_in, "exercise").get(name)
    heads = re.findall(r"^(?:def|class) \w+", stub, re.MULTILINE)[:1]
    found = [cell.source for cell in handed_in.cells if cell.cell_type == "code" and heads[0] in cell.source]
    return tagged.source if tagged else found[0] if found else stub


@cache
def said(path: Path, source: Path) -> dict[str, str]:
    """What our checks print for the answers in a handed-in notebook, by exercise."""
    try:
        handed_in = nbformat.read(path, 4)
    except Exception as error:  # whatever a student calls a notebook
        return dict.fromkeys(named(inputs(source), "exercise"), f"{path.name} is no notebook: {error}")
    ended: dict[str, str] = {}
    while True:
        notebook, done = inputs(source), [-1]
        exercises, checks = named(notebook, "exercise"), named(notebook, "check")
        for name, cell in exercises.items():
            if name not in ended:
                cell.source = answer(handed_in, name, cell.source)
            for risky in (cell, checks[name]):
                risky.metadata.tags = [*risky.metadata.tags,
                                       "raises-exception"]  # one broken answer does not end the run
        try:
            execute(notebook, lambda position, *_, done=done: done.append(position), LONGEST)
            break
        except (CellTimeoutError, DeadKernelError) as error:  # again, without the answer that did it
            at = next(cell for cell in notebook.cells[done[-1] + 1:] if cell.cell_type == "code")
            guilty = [name
                      for name in exercises if at in (exercises[name], checks[name]) and name not in ended]
            if not guilty:
                raise
            late = isinstance(error, CellTimeoutError)
            ended[guilty[0]] = f"not done after {LONGEST} seconds" if late else "it ends Python"
    errors = {name: [f"{output.ename}: {output.evalue}" for cell in (exercises[name], checks[name])
                     for output in cell.outputs
                     if output.output_type == "error"] for name in checks}
    return {name: (errors[name] or [printed(cell)])[0].strip() for name, cell in checks.items()} | ended


def handed_in() -> list:
    """(file, our notebook, exercise) for all that was handed in."""
    folder = Path(os.environ.get("HANDED_IN", HOME / "build" / "class" / "student"))
    files, others = find_files(folder, (".ipynb",)) if folder.is_dir() else ([], [])
    found = [(path, source) for path in files for source in sources() if source.stem in path.name]
    if not found:
        raise FileNotFoundError(f"no notebook in {folder} is named like one of ours, such as "
                                f"03_sampling.ipynb: set HANDED_IN to their folder")
    others = sorted({*files} - {path for path, _ in found}) + others
    if others:
        names = count_and_names(others, folder)
        warnings.warn(f"not scored, as not named like one of ours: {names}", stacklevel=1)
    return [pytest.param(path, source, name, id=f"{path.relative_to(folder)}:{name}")
            for path, source in found for name in named(inputs(source), "exercise")]


@pytest.mark.parametrize(("path", "source", "name"), handed_in())
def test_exercise(path: Path, source: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDDIFF_NB", "smoke,offline")
    check = said(path, source)[name]
    if not check.startswith("ok:"):
        pytest.fail(check, pytrace=False)

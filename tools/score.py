"""Scores the exercises of handed-in notebooks: one test for each exercise of each notebook.

    HANDED_IN=FOLDER .venv/bin/pytest tools/score.py

reads every notebook in FOLDER and below it with the name of one of ours in its own (03_sampling.ipynb,
03_sampling_anna.ipynb). Only the exercise cells are taken from it; they run in our own notebook, with our
own checks, at smoke size and without downloads. It does run what was handed in: with the rights of whoever
calls it.
"""
import os
import re
import warnings
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from colddiff_nb.data.own_folder import count_and_names, find_files
from tools.notebooks import HOME, execute, inputs, named, printed, sources

LONGEST = 300  # seconds for a cell


def answer(theirs: NotebookNode, name: str, stub: str) -> str:
    """The handed-in cell of an exercise: by its tag or, where an editor dropped the tags, by its function."""
    if cell := named(theirs, "exercise").get(name):
        return cell.source
    head = re.findall(r"^(?:def|class) \w+", stub, re.MULTILINE)[0]
    code = [cell.source for cell in theirs.cells if cell.cell_type == "code"]
    return next((source for source in code if head in source), stub)


@cache
def said(path: Path, source: Path, *only: str) -> dict[str, str]:
    """What our checks print for handed-in answers, by exercise; each runs alone where one ends the run."""
    notebook = inputs(source)
    exercises, checks = named(notebook, "exercise"), named(notebook, "check")
    names = only or tuple(exercises)
    try:
        theirs = nbformat.read(path, 4)
    except Exception as error:  # whatever a student calls a notebook
        return dict.fromkeys(names, f"{path.name} is no notebook: {error}")
    for name in names:
        exercises[name].source = answer(theirs, name, exercises[name].source)
        for cell in (exercises[name], checks[name]):
            cell.metadata.tags = [*cell.metadata.tags, "raises-exception"]
    try:
        execute(notebook, timeout=LONGEST)
    except (CellTimeoutError, DeadKernelError) as error:
        if len(names) > 1:
            return {name: said(path, source, name)[name] for name in names}
        late = isinstance(error, CellTimeoutError)
        return {names[0]: f"not done after {LONGEST} seconds" if late else "it ends Python"}
    verdicts = {}
    for name in names:
        outputs = exercises[name].outputs + checks[name].outputs
        errors = [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]
        verdicts[name] = errors[0] if errors else printed(checks[name]).strip()
    return verdicts


def handed_in() -> list:
    """(file, our notebook, exercise) for all that was handed in."""
    folder = Path(os.environ.get("HANDED_IN", HOME / "build" / "class" / "student"))
    files, others = find_files(folder, (".ipynb",))
    found = [(path, source) for path in files for source in sources() if source.stem in path.name]
    if not found:
        raise FileNotFoundError(f"no notebook in {folder} is named like one of ours, such as "
                                f"03_sampling.ipynb: set HANDED_IN to their folder")
    if others := sorted({*files} - set(dict(found))) + others:
        warnings.warn(f"not scored, as not named like one of ours: {count_and_names(others, folder)}",
                      stacklevel=1)
    return [pytest.param(path, source, name, id=f"{path.relative_to(folder)}:{name}")
            for path, source in found for name in named(inputs(source), "exercise")]


@pytest.mark.parametrize(("path", "source", "name"), handed_in())
def test_exercise(path: Path, source: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDDIFF_NB", "smoke,offline")
    check = said(path, source)[name]
    if not check.startswith("ok:"):
        pytest.fail(check, pytrace=False)

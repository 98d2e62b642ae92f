"""What a class gets: the student edition, the teacher edition and a handout, made from the notebooks.

    python tools/class.py [FOLDER]    write them (default: build/class, which git ignores)

student/    the notebooks without solutions, answers and outputs
teacher/    the notebooks as they were executed, solutions and answers unfolded
handout.md  the notebooks with their exercises, and how to hand them in

What students hand in is scored by tools/score.py.
"""
from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / "tools"))
from notebooks import inputs, named, sources, text

FOLDED = re.compile(r"<details><summary>(.*?)</summary>.*?</details>", re.DOTALL)
SCORE = "HANDED_IN=FOLDER .venv/bin/pytest tools/score.py"
HANDOUT = f"""# Exercises

Open a notebook of the folder `student`, run it from the top, and replace the line marked `todo` in each exercise; the cell below it says `ok:`
when the answer is right. Hand in the notebook under its name, with yours after it if you like: `03_sampling_anna.ipynb`. Only the exercises
are read, and only functions are asked for, so nothing else in the notebook matters for the score. Score yourself: `{SCORE}`.
"""


def student(source: Path) -> NotebookNode:
    """The notebook without solutions; of what is folded (a quiz) only the question stays."""
    notebook = inputs(source)
    solutions = named(notebook, "solution").values()
    notebook.cells = [cell for cell in notebook.cells if cell not in solutions]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FOLDED.sub(lambda found: f"**{found[1]}**\n\nYour answer:", cell.source)
    return notebook


def teacher(source: Path) -> NotebookNode:
    """The executed notebook, nothing folded."""
    notebook = nbformat.read(source.with_suffix(".ipynb"), 4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("<details>", "<details open>")
    return notebook


def handout() -> str:
    """Each notebook's title with the names of its exercises and what they ask for."""
    parts = [HANDOUT]
    for source in sources():
        notebook = inputs(source)
        titles = re.findall(r"^# (.*)$", notebook.cells[0].source, re.MULTILINE)
        parts.append(f"\n## {source.stem}: {titles[0]}\n")
        for name, cell in named(notebook, "exercise").items():
            (asked,) = re.findall(r"^(?:def|class) .*$", cell.source, re.MULTILINE)[:1]
            parts.append(f"- **{name}**: `{asked.rstrip(':')}`")
    return "\n".join(parts) + "\n"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "build" / "class"
    for edition in (student, teacher):
        (folder / edition.__name__).mkdir(parents=True, exist_ok=True)
        for source in sources():
            (folder / edition.__name__ / f"{source.stem}.ipynb").write_text(text(edition(source)))
    (folder / "handout.md").write_text(handout())
    print(f"{folder}: student and teacher edition of {len(sources())} notebooks, handout.md. Score what is handed in: {SCORE}")


if __name__ == "__main__":
    main()

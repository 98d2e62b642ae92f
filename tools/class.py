"""What a class gets: student edition, teacher edition, handout and the live page.

    python -m tools.class [FOLDER]    write them (default: build/class, which git ignores)

student/    the notebooks without solutions, answers and outputs
teacher/    the notebooks as they were executed, solutions and answers unfolded
handout.md  what the exercises of each notebook ask for, and how to hand them in
site/       the live page, where `make site` has made it

What students hand in is scored by tools/score.py.
"""
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.notebooks import HOME, inputs, named, sources, text

LIVE_PAGE = HOME / "build" / "site"
FOLDED = re.compile(r"<details><summary>(.*?)</summary>.*?</details>", re.DOTALL)
SCORE = "HANDED_IN=FOLDER .venv/bin/pytest tools/score.py"
HANDOUT = f"""# Exercises

Open a notebook of the folder `student`, run it from the top, and replace the line marked `todo` in each
exercise. The cell below it then says `ok:`, or what is still wrong. Hand in the notebook with its name in
that of the file, such as `03_sampling_anna.ipynb`. Only the cells of the exercises are read, so each must
hold all that it needs. They are scored by `{SCORE}`.
"""


def student(source: Path) -> NotebookNode:
    """The notebook without solutions; of what is folded (a quiz) only the question stays."""
    notebook = inputs(source)
    for solution in named(notebook, "solution").values():
        notebook.cells.remove(solution)
    for cell in notebook.cells:
        cell.source = FOLDED.sub(r"**\1**\n\nYour answer:", cell.source)
    return notebook


def teacher(source: Path) -> NotebookNode:
    """The executed notebook, nothing folded."""
    notebook = nbformat.read(source.with_suffix(".ipynb"), 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("<details>", "<details open>")
    return notebook


def handout() -> str:
    """Each notebook's title, with what its exercises ask for."""
    parts = [HANDOUT.strip()]
    for source in sources():
        cells = inputs(source).cells
        parts += [f"## {source.stem}: {title}" for title in re.findall("(?m)^# (.*)$", cells[0].source)]
        for above, cell in zip(cells, cells[1:]):
            if "exercise:" in str(cell.metadata.get("tags")):
                asked = above.source.split("\n\n")[-1].split("## Exercises\n")[-1].strip()
                parts.append(f"{asked}\n\n```python\n{cell.source}\n```")
    return "\n\n".join(parts) + "\n"


def main(folder: str | Path = HOME / "build" / "class") -> None:
    folder = Path(folder)
    for name, edition in (("student", student), ("teacher", teacher)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for source in sources():
            (folder / name / f"{source.stem}.ipynb").write_text(text(edition(source)))
    (folder / "handout.md").write_text(handout())
    print(f"{folder}: student and teacher edition, handout.md. Score what is handed in: {SCORE}")
    if LIVE_PAGE.exists():
        shutil.copytree(LIVE_PAGE, folder / "site", dirs_exist_ok=True)
        print(f"the live page: python -m http.server --directory {folder / 'site'}")
    else:
        print("the live page is not made yet: make site, then this again")


if __name__ == "__main__":
    main(*sys.argv[1:])

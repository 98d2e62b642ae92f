"""Notebooks from their sources: notebooks/NN_name.py (jupytext percent) -> the .ipynb beside it (executed).

    python -m tools.notebooks build [NAME ...]    write and execute the .ipynb of these notebooks, or of all
    python -m tools.notebooks try NAME ...        execute without touching the .ipynb: prints what the cells
                                                  print, saves a copy in runs/try/
    python -m tools.notebooks badges OWNER/NAME   write Colab badges and the setup cell's address for this
                                                  repository on GitHub

Two builds differ in nothing but outputs: there are no timestamps, no random ids, no widgets.
"""
from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HOME = Path(__file__).resolve().parent.parent
NOTEBOOKS = HOME / "notebooks"
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}
KEPT = ("cellView", "jupyter", "tags")  # of a cell: folded away in Colab, in JupyterLab; what tests seek
WIDGET = "application/vnd.jupyter.widget-view+json"
COLAB = "https://colab.research.google.com"
# HTML: behind a comment that begins a line, Markdown is not read.
BADGE = (f'<a href="{COLAB}/github/REPOSITORY/blob/main/notebooks/NAME.ipynb">'
         f'<img src="{COLAB}/assets/colab-badge.svg" alt="Open in Colab"></a>')
ADDRESS = re.compile(r'^(ADDRESS, VERSION = )"([^"]*)"', re.MULTILINE)  # in a setup cell


def sources(names: list[str] | None = None) -> list[Path]:
    """The .py of these notebooks ("00_start_here"), or of all. Raises FileNotFoundError for another name."""
    found = {source.stem: source for source in sorted(NOTEBOOKS.glob("[0-9][0-9]*_*.py"))}
    if unknown := set(names or []) - set(found):
        raise FileNotFoundError(f"no notebook {', '.join(sorted(unknown))}: there are {', '.join(found)}")
    return [source for name, source in found.items() if not names or name in names]


def inputs(source: Path) -> NotebookNode:
    """The notebook of a .py, without outputs: the same bytes each time."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    for position, cell in enumerate(notebook.cells):
        cell.id = f"cell-{position:03d}"
        cell.metadata = {key: cell.metadata[key] for key in KEPT if key in cell.metadata}
    return notebook


def with_outputs(source: Path) -> NotebookNode:
    """The notebook of a .py, with the outputs of the .ipynb beside it."""
    notebook, built = inputs(source), nbformat.read(source.with_suffix(".ipynb"), 4)
    for cell, before in zip(notebook.cells, built.cells):
        cell.update({key: before[key] for key in ("outputs", "execution_count") if key in before})
    return notebook


def differing(source: Path) -> bool:
    """Whether the .ipynb beside a .py is absent or has other inputs."""
    built = source.with_suffix(".ipynb")
    return not built.exists() or built.read_text() != text(with_outputs(source))


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def named(notebook: NotebookNode, kind: str) -> dict[str, NotebookNode]:
    """The cells tagged kind:NAME, by name."""
    tags = ((tag.split(":"), cell) for cell in notebook.cells for tag in cell.metadata.get("tags", []))
    return {tag[-1]: cell for tag, cell in tags if tag[0] == kind}


def text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


def printed(cell: NotebookNode) -> str:
    """All text that a cell's outputs show, without pictures."""
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "")
                   for output in cell.get("outputs", []))


def execute(notebook: NotebookNode, **options: Any) -> NotebookNode:
    """Run all cells in a fresh kernel, in notebooks/, and clean the outputs; options are nbclient's."""
    NotebookClient(
        notebook, kernel_name="python3", record_timing=False, store_widget_state=False,
        iopub_timeout=60, raise_on_iopub_timeout=True,  # else outputs that come late are dropped
        resources={"metadata": {"path": str(NOTEBOOKS)}}, **{"timeout": 3_600} | options).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    return notebook


def build(source: Path) -> None:
    began = time.perf_counter()
    content = text(execute(inputs(source)))
    source.with_suffix(".ipynb").write_text(content)
    print(f"{source.stem}: {len(content) / 1000:.0f} kB in {time.perf_counter() - began:.0f} s", flush=True)


def attempt(source: Path) -> None:
    """Execute a notebook, print what its cells print, and save a copy, also of one that fails."""
    notebook, copy = inputs(source), HOME / "runs" / "try" / f"{source.stem}.ipynb"
    copy.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()

    def show(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        print(f"--- cell {cell_index}, at {time.perf_counter() - began:.1f} s\n{printed(cell)}", flush=True)
    try:
        execute(notebook, on_cell_executed=show)
    finally:
        copy.write_text(text(notebook))


def badges(repository: str) -> None:
    """Put badges and address of OWNER/NAME into every .py, its .ipynb and README.md."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"{repository!r} is no repository: write it as OWNER/NAME")
    if stale := " ".join(source.stem for source in sources() if differing(source)):
        raise ValueError(f"not what their .py say: python -m tools.notebooks build {stale}")
    owner, name = repository.split("/")
    page = f"[the live page](https://{owner.lower()}.github.io/{name}/)"
    listed = ""
    for source in sources():
        badge = BADGE.replace("REPOSITORY", repository).replace("NAME", source.stem)
        listed += f"\n- {source.stem}: {badge}"
        source.write_text(ADDRESS.sub(rf'\1"https://github.com/{repository}"', source.read_text()))
        fill(source, badge=badge, live=page)
        source.with_suffix(".ipynb").write_text(text(with_outputs(source)))
    fill(HOME / "README.md", badges=f"{listed}\n", live=page)


def fill(path: Path, **marks: str) -> None:
    """Replace what stands between <!-- mark --> and <!-- /mark --> in a file."""
    content = path.read_text()
    for mark, inside in marks.items():
        content = re.sub(rf"(?s)(?<=<!-- {mark} -->).*?(?=<!-- /{mark} -->)", inside, content)
    path.write_text(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("build", "try", "badges"))
    parser.add_argument("names", nargs="*")
    command, names = vars(parser.parse_args()).values()
    if command == "badges":
        badges(" ".join(names))
    else:
        for source in sources(names):
            (build if command == "build" else attempt)(source)


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))

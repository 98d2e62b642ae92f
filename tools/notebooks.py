"""Notebooks from their sources: notebooks/NN_name.py (jupytext percent) -> the .ipynb beside it (executed).

    python -m tools.notebooks build [NAME ...]    write and execute the .ipynb of these notebooks, or of all
    python -m tools.notebooks inputs [NAME ...]   name those whose .ipynb differs from its .py, and fail
    python -m tools.notebooks try NAME ...        execute without touching the .ipynb: prints outputs and
                                                  seconds per cell, saves copy and pictures in runs/try/
    python -m tools.notebooks badges [REPO]       write Colab badges and the setup cell's address for
                                                  OWNER/NAME on GitHub (default: the git remote "origin";
                                                  where there is none, badges and address are removed)

A built notebook holds nothing that differs from one build to the next but the outputs themselves: cell ids
come from the cells' positions, and there are no timestamps, no widget state and no widget outputs.
"""
from __future__ import annotations

import argparse
import base64
import re
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HOME = Path(__file__).resolve().parent.parent
NOTEBOOKS = HOME / "notebooks"
LARGEST = 1_000_000  # bytes of one .ipynb
KEPT = ("cellView", "jupyter", "tags")  # of a cell: folded away in Colab, in JupyterLab; what tests seek
WIDGET = "application/vnd.jupyter.widget-view+json"
COLAB = "https://colab.research.google.com"
BADGE = (f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]"
         f"({COLAB}/github/{{0}}/blob/main/notebooks/{{1}}.ipynb)")
PAGE = "the live page"
UPLOAD = (f"Open {COLAB}, choose *Upload*, and give it `notebooks/00_start_here.ipynb`: it needs no other "
          "file.")


def sources(names: list[str] | None = None) -> list[Path]:
    """The .py of these notebooks ("00_start_here"), or of all. Raises FileNotFoundError for another name."""
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]*_*.py"))
    unknown = set(names or []) - {source.stem for source in found}
    if unknown:
        raise FileNotFoundError(f"no notebook {', '.join(sorted(unknown))}: there are "
                                f"{', '.join(source.stem for source in found)}")
    return [source for source in found if not names or source.stem in names]


def inputs(source: Path) -> NotebookNode:
    """The notebook of a .py, without outputs: the same bytes each time."""
    read = jupytext.reads(source.read_text(), fmt="py:percent")
    notebook = nbformat.v4.new_notebook(metadata={
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"}})
    for position, cell in enumerate(read.cells):
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        metadata = {key: cell.metadata[key] for key in KEPT if key in cell.metadata}
        notebook.cells.append(new(cell.source, id=f"cell-{position:03d}", metadata=metadata))
    return notebook


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    bare = nbformat.from_dict(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def named(notebook: NotebookNode, kind: str) -> dict[str, NotebookNode]:
    """The cells tagged kind:NAME, by name."""
    tags = ((tag, cell) for cell in notebook.cells for tag in cell.metadata.get("tags", []))
    return {tag.partition(":")[2]: cell for tag, cell in tags if tag.startswith(f"{kind}:")}


def text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


def differing(source: Path) -> bool:
    """Whether the committed .ipynb of a .py is absent or has other inputs."""
    built = source.with_suffix(".ipynb")
    return not built.exists() or text(without_outputs(nbformat.read(built, 4))) != text(inputs(source))


def execute(notebook: NotebookNode, log=None, timeout: int = 3_600) -> NotebookNode:
    """Run all cells in a fresh kernel, in the folder notebooks/, and clean the outputs.

    Raises CellExecutionError at the first error, and CellTimeoutError for a cell that takes longer than
    timeout seconds, or whose outputs come a minute late.
    """
    started: dict[int, float] = {}

    def begin(cell: NotebookNode, cell_index: int) -> None:
        started[cell_index] = time.perf_counter()

    def end(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        if log:
            log(cell_index, cell, time.perf_counter() - started[cell_index])

    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", record_timing=False,
                            store_widget_state=False,
                            iopub_timeout=60,
                            raise_on_iopub_timeout=True,  # else outputs that come late are dropped
                            on_cell_execute=begin, on_cell_executed=end,
                            resources={"metadata": {"path": str(NOTEBOOKS)}})
    client.execute()
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    return notebook


def printed(cell: NotebookNode) -> str:
    """All text that a cell's outputs show, without pictures."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output["text"] if output.output_type == "stream"
                     else output.get("data", {}).get("text/plain", ""))
    return "".join(parts)


def build(source: Path) -> None:
    """Write NN_name.ipynb; print its size, time and weights. Raises ValueError where it is too large."""
    start = time.perf_counter()
    notebook = execute(inputs(source))
    silent = [cell.id
              for cell in notebook.cells
              if "nbval-check-output" in cell.metadata.get("tags", []) and not cell.outputs]
    if silent:  # it happens on a busy machine
        raise ValueError(f"{source.stem}: the output of {', '.join(silent)} was lost: build it again")
    content = text(notebook)
    if len(content) > LARGEST:
        raise ValueError(f"{source.stem}.ipynb would have {len(content):,} bytes, more than {LARGEST:,}: "
                         f"show smaller or fewer pictures")
    source.with_suffix(".ipynb").write_text(content)
    lines = [line for cell in notebook.cells for line in printed(cell).splitlines()]
    weights = "; ".join(line for line in lines if line.startswith("weights:")) or "weights: none from a file"
    print(f"{source.stem}: {len(content) / 1000:.0f} kB in {time.perf_counter() - start:.0f} s; {weights}")


def attempt(source: Path) -> None:
    """Execute a notebook and show what it prints, cell by cell."""
    folder = HOME / "runs" / "try"
    folder.mkdir(parents=True, exist_ok=True)

    def log(position: int, cell: NotebookNode, seconds: float) -> None:
        if cell.cell_type != "code":
            return
        print(f"--- cell {position}, {seconds:.1f} s\n{printed(cell)}", flush=True)
        pictures = [output.data["image/png"]
                    for output in cell.outputs if "image/png" in output.get("data", {})]
        for number, picture in enumerate(pictures):
            (folder / f"{source.stem}-{position}-{number}.png").write_bytes(base64.b64decode(picture))

    notebook = inputs(source)
    try:
        execute(notebook, log)
    finally:
        (folder / f"{source.stem}.ipynb").write_text(text(notebook))


def remote() -> str:
    """OWNER/NAME of the git remote "origin" where that is on GitHub, else nothing."""
    asked = subprocess.run(["git", "remote", "get-url", "origin"], cwd=HOME, check=False, capture_output=True,
                           text=True)
    found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(\.git)?$", asked.stdout.strip())
    return found[1] if found else ""


def badges(repository: str) -> None:
    """Put badges and address of OWNER/NAME, or nothing, into every .py, its .ipynb and README.md."""
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"{repository!r} is no repository: write it as OWNER/NAME")
    stale = [source.stem
             for source in sources() if source.with_suffix(".ipynb").exists() and differing(source)]
    if stale:  # its outputs belong to other cells
        raise ValueError(f"not what their .py say: {', '.join(stale)}: python -m tools.notebooks build "
                         f"{' '.join(stale)}")
    badge_of = {source: BADGE.format(repository, source.stem) if repository else "" for source in sources()}
    address = f"https://github.com/{repository}" if repository else ""
    owner, _, name = repository.partition("/")
    page = f"[{PAGE}](https://{owner.lower()}.github.io/{name}/)" if repository else f"{PAGE} (`make site`)"
    for source, badge in badge_of.items():
        content = between(source.read_text(), "<!-- badge -->", "<!-- /badge -->", badge)
        content = between(content, "<!-- live -->", "<!-- /live -->", page)
        source.write_text(re.sub(r'^ADDRESS, VERSION = "[^"]*"', f'ADDRESS, VERSION = "{address}"', content,
                                 flags=re.MULTILINE))
        built = source.with_suffix(".ipynb")
        if built.exists():
            notebook, executed = inputs(source), nbformat.read(built, 4)
            for cell, before in zip(notebook.cells, executed.cells, strict=True):
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = before.outputs, before.execution_count
            built.write_text(text(notebook))
    readme = HOME / "README.md"
    lines = [f"- {source.stem}: {badge}" for source, badge in badge_of.items()] if repository else [UPLOAD]
    if readme.exists():
        content = between(readme.read_text(), "<!-- badges -->\n", "\n<!-- /badges -->", "\n".join(lines))
        readme.write_text(between(content, "<!-- live -->", "<!-- /live -->", page))
    print(f"badges for {repository}" if repository else "no badges: give OWNER/NAME, or add a git remote")


def between(content: str, start: str, end: str, inside: str) -> str:
    """The content with what stands between the first pair of markers replaced, if there is one."""
    return re.sub(f"{re.escape(start)}.*?{re.escape(end)}", lambda found: start + inside + end, content,
                  count=1, flags=re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("build", "inputs", "try", "badges"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.command == "badges":
        badges(arguments.names[0] if arguments.names else remote())
        return 0
    chosen = sources(arguments.names)
    if arguments.command == "inputs":
        stale = [source.stem for source in chosen if differing(source)]
        for name in stale:
            print(f"notebooks/{name}.ipynb is not what its .py says: python -m tools.notebooks build {name}")
        return int(bool(stale))
    for source in chosen:
        (build if arguments.command == "build" else attempt)(source)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))

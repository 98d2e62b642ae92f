"""The figures that the notebooks are remembered for, for slides and handouts: SVG, PNG and captions.

    python -m tools.figures [NAME ...]    run these notebooks, or all, up to the last cell tagged figure:NAME
                                          and write build/figures/NN_name-NAME.{svg,png} and captions.md

Nothing is drawn here: a figure is what the tagged cell shows, and its caption the text that the notebook
gives to readers who do not see it.
"""
import base64
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from tools.notebooks import HOME, execute, inputs, named, sources

FOLDER = HOME / "build" / "figures"
LICENCE = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0"
BOTH = """from matplotlib_inline.backend_inline import set_matplotlib_formats
set_matplotlib_formats("png", "svg", dpi=200)"""


def upto_figures(source: Path) -> NotebookNode:
    """The notebook up to its last figure, showing every figure as PNG and SVG; no cells where it has none."""
    notebook = inputs(source)
    cells = [nbformat.v4.new_code_cell(BOTH), *notebook.cells]
    last = max(map(cells.index, named(notebook, "figure").values()), default=-1)
    notebook.cells = cells[:last + 1]
    return notebook


def save(cell: NotebookNode, path: Path) -> str:
    """Write what a cell shows last as path.png and .svg. Returns its caption; raises ValueError without."""
    shown = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    if not shown:
        raise ValueError(f"the cell of {path.name} shows no picture: move its tag to the cell that does")
    data, alt = shown[-1].data, shown[-1].metadata["image/png"]["alt"]
    png, svg = Path(f"{path}.png"), Path(f"{path}.svg")
    png.write_bytes(base64.b64decode(data["image/png"]))
    if "image/svg+xml" in data:
        svg.write_text(data["image/svg+xml"])
    else:  # a picture of pixels is one in SVG too
        plt.imsave(svg, plt.imread(png), metadata={"Title": alt}, dpi=72)
    return alt


def main(*names: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    captions = f"# Figures\n\n{LICENCE}. Please name this project and the notebook that a figure is from.\n"
    for source in sources(list(names)):
        notebook = upto_figures(source)
        try:
            execute(notebook)
        except CellExecutionError as error:
            sys.exit(f"{source.stem}: {error.ename}: {error.evalue}")
        for name, cell in named(notebook, "figure").items():
            path = FOLDER / f"{source.stem}-{name}"
            captions += (f"\n## {path.name}\n\n![{path.name}]({path.name}.png)\n\n{save(cell, path)} "
                         f"(Notebook {source.stem}.)\n")
            print(f"{path}.svg, .png", flush=True)
        (FOLDER / "captions.md").write_text(captions)


if __name__ == "__main__":
    main(*sys.argv[1:])

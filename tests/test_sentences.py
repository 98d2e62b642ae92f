"""The sentences that README says a class will meet are those that the code says. Words in capitals stand for what differs."""
from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from colddiff_nb import data, notebook
from colddiff_nb.files import CheckpointError, lock

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / "tools"))
room = importlib.import_module("notebooks")
BLOCK = re.findall(r"<!-- sentences -->\n(.*?)<!-- /sentences -->", (HOME / "README.md").read_text(), re.DOTALL)[0]
SENTENCES = re.findall(r"^\| `(.*?)` \|", BLOCK, re.MULTILINE)


def told(said: str) -> str:
    """The sentence of README that this one is an instance of."""
    matching = [one for one in SENTENCES if re.fullmatch(re.sub(r"\b[A-Z]{4,}\b", "\0", re.escape(one)).replace("\0", ".+"), said)]
    assert len(matching) == 1, f"README does not tell of: {said}"
    return matching[0]


def test_readme_tells_of_six() -> None:
    assert len(SENTENCES) == 6 and len(set(SENTENCES)) == 6
    with pytest.raises(AssertionError):
        told("mnist: no such thing")


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")

    def unreachable(*_: object, **__: object) -> None:
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nTried https://...")

    monkeypatch.setattr(datasets, "MNIST", unreachable)
    with pytest.raises(FileNotFoundError) as caught:
        data.load("mnist", "test", tmp_path)
    assert told(str(caught.value)).startswith("mnist")


def test_no_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv(notebook.VARIABLE, raising=False)
    notebook.setup()
    assert told(capsys.readouterr().out.splitlines()[0]).startswith("device cpu")


def test_a_notebook_that_stands_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    setup = next(cell for cell in room.inputs(HOME / "notebooks" / "03_sampling.py").cells if "setup" in cell.metadata.get("tags", []))
    with pytest.raises(FileNotFoundError) as caught:
        exec(re.sub('^ADDRESS, VERSION = ".*?"', 'ADDRESS, VERSION = ""', setup.source, flags=re.MULTILINE), {})
    assert told(str(caught.value)).startswith("the project is not here")


def test_drive_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function of notebook 02, with a Drive that the reader does not allow."""
    class MessageError(Exception):
        """What Colab raises when its question is closed."""

    def mount(folder: str) -> None:
        raise MessageError("Error: credential propagation was unsuccessful")

    colab = types.ModuleType("google.colab")
    colab.drive = types.SimpleNamespace(mount=mount)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    cells = room.inputs(HOME / "notebooks" / "02_train.py").cells
    functions = [node for cell in cells if "def long_runs" in cell.source for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
    names = {"settings": notebook.Settings(), "Path": Path}
    exec(compile(ast.Module(functions, []), "02_train", "exec"), names)
    folder, said = names["long_runs"](True)  # type: ignore[operator]
    assert told(said).startswith("Google Drive") and folder == notebook.Settings().runs


def test_python_too_old() -> None:
    """As the first cell of a notebook, and as `make`, which asks the package (see test_environment.py)."""
    code = "import sys; sys.version_info = (3, 9, 18, 'final', 0); import colddiff_nb"
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=False)
    assert told(done.stderr.splitlines()[-1].removeprefix("ImportError: ")).startswith("Python 3.9")


def test_two_notebooks_on_one_run_folder(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(CheckpointError) as caught, lock(tmp_path):
        pass
    assert told(str(caught.value)).startswith("FOLDER")

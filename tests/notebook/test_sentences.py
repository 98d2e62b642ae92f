"""The sentences that README says a class will meet are those that the code says. Words in capitals stand for what differs."""
from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from colddiff_nb import data, metrics
from colddiff_nb.metrics.records import record
from colddiff_nb.notebook import settings as notebook
from colddiff_nb.storage import files
from colddiff_nb.storage.files import CheckpointError
from colddiff_nb.storage.lock import lock
from tools import notebooks as room

HOME = Path(__file__).resolve().parents[2]

BLOCK = re.findall(r"<!-- sentences -->\n(.*?)<!-- /sentences -->", (HOME / "TEACHING.md").read_text(), re.DOTALL)[0]
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


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[types.SimpleNamespace]:
    """Colab with a Drive at a mount point of its own: mounted() is what `mount` does, by default what Colab does when it works."""
    point, mounted = tmp_path / "content" / "drive", []
    point.mkdir(parents=True)

    def works() -> None:
        (point / "MyDrive").mkdir(exist_ok=True)
        mounted.append(str(point))

    fake = types.SimpleNamespace(point=point, does=works, works=works, mount=lambda folder: fake.does())
    colab = types.ModuleType("google.colab")
    colab.drive = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setattr(files, "DRIVE", point)
    monkeypatch.setattr(os.path, "ismount", lambda folder: str(folder) in mounted)
    yield fake


class MessageError(Exception):
    """What Colab raises when its question is closed, or blocked by the browser."""


def raises(error: Exception) -> Callable[[], None]:
    def raise_it() -> None:
        raise error
    return raise_it


@pytest.mark.parametrize("error", [MessageError("Error: credential propagation was unsuccessful"), ValueError("mount failed:\n timeout"), TimeoutError()])
def test_drive_that_could_not_be_mounted(drive: types.SimpleNamespace, error: Exception) -> None:
    drive.does = raises(error)
    folder, said = notebook.long_runs(notebook.Settings(), True)
    assert told(said).startswith("Google Drive could not be mounted") and folder == notebook.Settings().runs
    assert type(error).__name__ in said and "declined" not in said and not list(drive.point.iterdir())


def test_drive_that_is_an_ordinary_folder(drive: types.SimpleNamespace) -> None:
    """Colab's mount() is content with a folder MyDrive, mounted or not."""
    drive.does = (drive.point / "MyDrive").mkdir
    folder, said = notebook.long_runs(notebook.Settings(), True)
    assert told(said).startswith("Google Drive could not") and "is not mounted" in said and folder == notebook.Settings().runs
    with pytest.raises(CheckpointError, match="not mounted"):
        files.make_folder(drive.point / "MyDrive" / "runs")


def test_drive_that_is_mounted_and_one_that_is_not_wanted(drive: types.SimpleNamespace) -> None:
    assert notebook.long_runs(notebook.Settings(), False)[0] == notebook.Settings().runs and not list(drive.point.iterdir())
    folder, said = notebook.long_runs(notebook.Settings(), True)
    assert said.startswith("Runs are kept on your Google Drive") and folder == drive.point / "MyDrive" / "colddiff"
    with lock(folder):
        assert folder.is_dir()


@pytest.mark.parametrize("place", ["drive/MyDrive/runs", "drive/runs", "drive", "gdrive/MyDrive/a/b", "link/runs"])
def test_nothing_is_made_below_a_drive_that_is_not_mounted(drive: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    folder = drive.point.parent / place
    if place.startswith("link"):
        folder.parent.symlink_to(drive.point / "MyDrive")

    makers = (lock(folder).__enter__, lambda: record(folder, {}), lambda: data.load("mnist", "test", folder),
              lambda: metrics.features_of(torch.clone, [torch.zeros(1)], folder / "features.pt"))
    for make in makers:
        with pytest.raises(OSError, match="is on Google Drive, which is not mounted: mount it"):
            make()
    for word in ("runs", "data"):
        monkeypatch.setenv(notebook.VARIABLE, f"{word}={folder}")
        with pytest.raises(CheckpointError, match="not mounted") as caught:
            notebook.setup()
        assert "\n" not in str(caught.value)
    assert [path.name for path in drive.point.parent.rglob("*") if not path.is_symlink()] == ["drive"]
    drive.works()
    if not place.startswith("gdrive"):
        with lock(folder):
            assert folder.is_dir()


def test_python_too_old() -> None:
    """As the first cell of a notebook, and as `make`, which asks the package (see test_environment.py)."""
    code = "import sys; sys.version_info = (3, 9, 18, 'final', 0); import colddiff_nb"
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=False)
    assert told(done.stderr.splitlines()[-1].removeprefix("ImportError: ")).startswith("Python 3.9")


def test_two_notebooks_on_one_run_folder(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(CheckpointError) as caught, lock(tmp_path):
        pass
    assert told(str(caught.value)).startswith("FOLDER")


def test_the_links_of_the_page_on_related_work_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)]+)\)", (HOME / "RELATED.md").read_text()):
        path, _, section = link.partition("#")
        assert (HOME / path).exists(), link
        headings = re.findall(r"^#+ (.*)$", (HOME / path).read_text(), re.MULTILINE) if section else []
        assert section in ["", *(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)], link

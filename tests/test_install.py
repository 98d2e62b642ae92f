"""The wheel in an environment of its own, in a folder where the project is not."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import torch

from colddiff_nb.data import load, to_float
from tools.colab import new_runtime

pytestmark = pytest.mark.slow
HOME = Path(__file__).resolve().parents[1]
CORE = {"torch", "numpy", "safetensors"}  # all that loading a model and restoring take


def python(*arguments: str | Path, folder: Path, **variables: str) -> str:
    """What a Python says. None of our variables reach it, and it finds no project in its folder."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COLDDIFF_NB")}
    done = subprocess.run(arguments, cwd=folder, env=inherited | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(HOME / "colddiff_nb", folder / "colddiff_nb", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOME / name, folder)
    python(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", ".", folder=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment that has the wheel, and behind it the packages that are installed here."""
    folder = tmp_path_factory.mktemp("place")
    behind = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    new_runtime(folder / "environment", sys.executable, *map(Path, behind))
    python(sys.executable, "-m", "pip", "--python", folder / "environment", "install", "--quiet", "--no-deps", "--no-index", wheel, folder=folder)
    return folder


@pytest.fixture
def call(place: Path, tmp_path: Path):
    """Call a program of that environment in an empty folder."""
    def call(name: str, *arguments: str, **variables: str) -> str:
        return python(place / "environment" / "bin" / name, *arguments, folder=tmp_path, HOME=str(tmp_path), XDG_DATA_HOME="", **variables)
    return call


def test_the_wheel_is_small_and_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
        metadata = message_from_bytes(files.read(next(name for name in names if name.endswith("METADATA"))))
    assert wheel.stat().st_size < 44e6 and "colddiff_nb/py.typed" in names  # nearly all of it weights
    assert {f"colddiff_nb/weights/files/{path.name}" for path in (HOME / "colddiff_nb/weights/files").iterdir()} <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"colddiff_nb"}
    wishes = metadata.get_all("Requires-Dist")
    needed = {re.split("[<>=]", wish)[0] for wish in wishes if "extra ==" not in wish}
    assert CORE < needed and len(needed) <= 10
    assert metadata["License-Expression"] == "MIT" and metadata["Description-Content-Type"] == "text/markdown"
    assert {"notebooks", "train", "metrics", "cli", "dev"} == set(metadata.get_all("Provides-Extra"))


REFUSE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Refuse())
"""
RESTORE = """
from colddiff_nb import algorithm2, load_pretrained, rmse
import colddiff_nb, torch
assert "environment" in colddiff_nb.__file__
x0 = torch.load("digit.pt", weights_only=True)
restore, D, _ = load_pretrained("superres", "mnist")
x_T = D(x0, D.T)
print(rmse(algorithm2(restore, D, x_T), x0) < rmse(x_T, x0) / 2)
"""
CALL = """
from colddiff_nb.__main__ import main
print(main(["restore"]), main(["evaluate", "superres-mnist"]))
"""
EXTRAS = {"accelerate", "torchvision", "pandas", "tabulate", "torch_fidelity", "skimage", "ipywidgets", "IPython", "scipy"}


def test_a_digit_is_restored_where_only_torch_numpy_and_safetensors_are(call, tmp_path: Path) -> None:
    torch.save(to_float(load("mnist5k", "test").pixels[:1]), tmp_path / "digit.pt")
    refused = EXTRAS | {"PIL", "tqdm", "torchmetrics", "matplotlib", "tyro", "platformdirs"}
    assert call("python", "-c", f"REFUSED = {refused}{REFUSE}{RESTORE}") == "True\n"


def test_the_command_line_writes_into_the_working_folder(call, tmp_path: Path) -> None:
    assert "wrote mnist5k-superres" in call("colddiff", "restore", "--task", "superres", "--dataset", "mnist5k", "--n", "2")
    call("colddiff", "evaluate", "superres-mnist", "--dataset", "mnist5k", "--n", "2", "--methods", "direct")
    assert {path.suffix for path in tmp_path.iterdir()} >= {".png", ".gif"} and (tmp_path / "runs").is_dir()


def test_without_the_extras_pictures_are_restored_and_scores_name_what_they_need(call) -> None:
    said = call("python", "-c", f"REFUSED = {EXTRAS}{REFUSE}{CALL}")
    assert "wrote coffee-deblur" in said
    assert said.splitlines()[-2:] == ["error: No module named 'pandas': pip install \"colddiff_nb[cli]\"", "0 2"]


def test_notebooks_keep_runs_in_the_working_folder_and_data_in_the_users(call, tmp_path: Path, place: Path) -> None:
    program = "from colddiff_nb.notebook import setup, settings; s = setup(); print(s.runs, s.data, *settings.needed(), sep='\\n')"
    said, runs, data, *needed = call("python", "-c", program).splitlines()
    assert said.startswith("device ") and "installed" not in said
    assert Path(runs) == tmp_path / "runs" and tmp_path in Path(data).parents and place not in Path(data).parents
    assert {"torch>=2.4", "ipywidgets>=7.7"} <= set(needed) and not any(";" in wish or "mlxtend" in wish for wish in needed)

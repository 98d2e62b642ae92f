"""The notebooks outside of the project, as Colab opens them: an empty folder, an address, packages that must stay as they are."""
from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from colddiff_nb import notebook as package

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / "tools"))
room = importlib.import_module("notebooks")

SETUP = next(cell for cell in room.inputs(HOME / "notebooks" / "03_sampling.py").cells if "setup" in cell.metadata.get("tags", [])).source
WITHOUT_NETWORK = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
WISHES = {"network": ("smoke,offline", "smoke,offline"), "no network": ("smoke", "smoke,offline")}  # of 00, which finds out by itself, and 03


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository of the project, whose package needs one thing more than is installed: "stranger"."""
    folder = tmp_path_factory.mktemp("address")
    shutil.copytree(HOME / "colddiff_nb", folder / "colddiff_nb", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(HOME / "results", folder / "results")
    with open(folder / "colddiff_nb" / "notebook.py", "a") as source:
        source.write('\nNEEDED["stranger"] = "stranger>=1"\n')
    version = re.findall(r'"(v[\d.]+)"', SETUP)[0]
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a@b commit -qm x", f"tag {version}"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment variables of a machine like Colab's: google.colab, all packages, and an index where the newest stranger wants
    another numpy."""
    folder = tmp_path_factory.mktemp("machine")
    wheels = folder / "wheels"
    wheels.mkdir()
    for name, version, wants in (("stranger", "1", "numpy"), ("stranger", "2", "numpy>=999"), ("numpy", "999", "")):
        info = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(wheels / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + f"Requires-Dist: {wants}\n" * bool(wants))
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    (folder / "stub" / "google" / "colab").mkdir(parents=True)
    (folder / "stub" / "google" / "colab" / "__init__.py").touch()
    inherited = {name: value for name, value in os.environ.items() if name not in (package.VARIABLE, "PYTHONPATH")}
    return inherited | {"PYTHONPATH": str(folder / "stub"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "OMP_NUM_THREADS": "1",
                        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "JUPYTER_DATA_DIR": str(folder), "IPYTHONDIR": str(folder)}


def new_environment(folder: Path) -> str:
    """A Python that has all installed packages, and where pip can add others without touching them."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "installed.pth").write_text("\n".join(path for path in sys.path if path.endswith(("site-packages", "dist-packages"))))
    return str(folder / "bin" / "python")


def test_without_an_address_one_line_says_what_to_do(tmp_path: Path, machine: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", SETUP], cwd=tmp_path, env=machine, capture_output=True, text=True, check=False)
    assert done.returncode and "into ADDRESS above" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("network", WISHES)
def test_00_and_03_run_to_the_end_and_leave_the_packages_alone(tmp_path: Path, address: Path, machine: dict[str, str], network: str) -> None:
    cut = WITHOUT_NETWORK if network == "no network" else []
    if cut and subprocess.run([*cut, "true"], capture_output=True, check=False).returncode:
        pytest.skip("the network cannot be cut off here: it takes Linux with ip and unshare, and root or user namespaces")
    python, empty = new_environment(tmp_path / "environment"), tmp_path / "empty"
    empty.mkdir()

    def call(*arguments: str, wishes: str = "") -> str:
        done = subprocess.run([*cut, python, *arguments], cwd=empty, env=machine | {package.VARIABLE: wishes}, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    before = call("-m", "pip", "list", "--format=freeze").split()
    for name, wishes in zip(("00_start_here", "03_sampling"), WISHES[network]):
        notebook = room.inputs(HOME / "notebooks" / f"{name}.py")
        if name == "03_sampling":
            (position,) = (i for i, cell in enumerate(notebook.cells) if cell.source == SETUP)
            twice = nbformat.v4.new_code_cell(SETUP.replace('ADDRESS, VERSION = ""', f'ADDRESS, VERSION = "{address}"'))
            notebook.cells[position:position + 1] = [nbformat.v4.new_code_cell("import google.colab"), twice, nbformat.v4.new_code_cell(twice.source)]
        (empty / f"{name}.ipynb").write_text(room.text(notebook))
        call("-m", "nbconvert", "--execute", "--to=notebook", "--inplace", f"{name}.ipynb", wishes=wishes)
        said = [room.printed(cell) for cell in nbformat.read(empty / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
        assert said[-1] and (name == "03_sampling" or any("NOT the full MNIST" in text for text in said))
    assert ["installed stranger>=1" in text for text in said[1:3]] == [True, False]
    after = call("-m", "pip", "list", "--format=freeze").split()
    assert sorted(after) == sorted([*before, "stranger==1"]) and {"torch", "numpy"} <= {line.split("==")[0] for line in before}
    again = call("-c", f"{SETUP}\nprint(setup.__code__.co_filename)")  # the clone is there: no address is needed any more
    assert again.splitlines()[-1] == str(empty / "colddiff" / "colddiff_nb" / "notebook.py")

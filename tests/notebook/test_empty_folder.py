"""The notebooks outside of the project, as Colab opens them: an empty folder, an address, packages that must stay as they are."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import nbformat
import pytest

from colddiff_nb.notebook import settings as package
from tools import colab as replica
from tools import notebooks as room

HOME = Path(__file__).resolve().parents[2]

SETUP = next(cell for cell in room.inputs(HOME / "notebooks" / "03_sampling.py").cells if "setup" in cell.metadata.get("tags", [])).source
VERSION = re.findall(r'"(v[\d.]+)"', SETUP)[0]
WITHOUT_NETWORK = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
WISHES = {"network": ("smoke,offline", "smoke,offline"), "no network": ("smoke", "smoke,offline")}  # of 00, which finds out by itself, and 03


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository of the project, whose package needs one thing more than is installed: "stranger"."""
    folder = tmp_path_factory.mktemp("address")
    shutil.copytree(HOME / "colddiff_nb", folder / "colddiff_nb", ignore=shutil.ignore_patterns("__pycache__"))
    project = (HOME / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(project.replace('\nnotebooks = [', '\nnotebooks = ["stranger>=1",'))
    commit(folder, VERSION)
    return folder


def commit(folder: Path, *tags: str) -> None:
    """Make the folder a git repository whose default branch is called trunk, with these tags."""
    for command in ("init -q -b trunk", "add -A", "-c user.name=a -c user.email=a@b commit -qm x", *(f"tag {tag}" for tag in tags)):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)


def with_address(address: object) -> str:
    """The setup cell, with this in ADDRESS."""
    return re.sub('^ADDRESS, VERSION = "[^"]*"', f'ADDRESS, VERSION = "{address}"', SETUP, flags=re.MULTILINE)


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


def new_environment(folder: Path) -> Path:
    """A Python that has all installed packages, older ones behind them, and where pip can add others without touching them."""
    folders = [Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return replica.new_runtime(folder / "runtime", sys.executable, *folders, replica.ubuntu(folder / "ubuntu"))


ANSWER = '[{"path": "fileId=https%3A//github.com/NAME/blob/main/notebooks/03_sampling.ipynb", "name": "03_sampling.ipynb"}]'
UNKNOWN = "the project is not here and could not be fetched ("


class Alone:
    """A notebook's setup cell in an empty folder, where https://github.com/ is a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.github = root, root / "content", root / "github"
        self.folder.mkdir()
        self.variables = os.environ | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": "https://github.com/",
                                       "GIT_CONFIG_KEY_0": f"url.file://{self.github}/.insteadOf"}

    def project(self, name: str, *tags: str, package: str = "colddiff_nb") -> str:
        """The address of a new project whose setup() says its name."""
        (self.github / name / package).mkdir(parents=True)
        (self.github / name / package / "notebook.py").write_text(f"def setup():\n    print({name!r})\n")
        commit(self.github / name, *tags)
        return f"https://github.com/{name}"

    def run(self, address: str, before: str = "") -> str:
        """The last line that the cell prints, or its error."""
        command = [sys.executable, "-c", f"{before}\n{with_address(address)}"]
        done = subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr or f"exit {done.returncode}").splitlines()[-1]


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    return Alone(tmp_path)


@pytest.fixture
def colab(alone: Alone) -> Iterator[dict[str, str]]:
    """A kernel gateway like Colab's: "body" is what its sessions API answers. Of all else it wants a password."""
    if shutil.which("curl") is None:
        pytest.skip("the setup cell asks by curl, which is not installed here")
    says = {"body": ""}

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/api/sessions"
            self.send_response(200 if known and says["body"] else 404 if known else 401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            self.wfile.write(says["body"].encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        alone.variables |= {"COLAB_JUPYTER_IP": "127.0.0.1", "KMP_TARGET_PORT": str(server.server_port)}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield says
        server.shutdown()


def test_opened_from_github_it_fetches_that_repository(alone: Alone, colab: dict[str, str]) -> None:
    alone.project("some.one/my-fork")
    colab["body"] = ANSWER.replace("NAME", "some.one/my-fork")
    assert alone.run("") == "some.one/my-fork"
    shutil.rmtree(alone.folder / "colddiff")
    assert alone.run(alone.project("owner/original", VERSION)) == "some.one/my-fork"


@pytest.mark.parametrize("body", ["", '[{"path": "fileId=1aB_2", "name": "Copy of 03_sampling.ipynb"}]', "[]", "<html>", "\udc80 \0",
                                  ANSWER.replace("NAME", "a/b").replace("github", "gitlab")])
def test_what_colab_does_not_say_comes_from_the_address(alone: Alone, colab: dict[str, str], body: str) -> None:
    colab["body"] = body.encode(errors="replace").decode()
    assert alone.run(alone.project("owner/original", VERSION)) == "owner/original"


def test_a_notebook_copied_into_another_repository_goes_by_its_address(alone: Alone, colab: dict[str, str]) -> None:
    alone.project("teacher/course", package="lectures")
    colab["body"] = ANSWER.replace("NAME", "teacher/course")
    assert alone.run("").startswith(f'FileNotFoundError: {UNKNOWN}"https://github.com/teacher/course" is something else)')
    assert alone.run(alone.project("owner/original", VERSION)) == "owner/original"


def test_no_password_is_asked_for(alone: Alone, colab: dict[str, str]) -> None:
    """Git would ask in the terminal that Jupyter was started from, and the cell would wait for ever."""
    assert "Authentication failed" in alone.run(f"http://127.0.0.1:{alone.variables['KMP_TARGET_PORT']}/private/project")


def test_the_tag_is_fetched_and_the_default_branch_where_there_is_none(alone: Alone) -> None:
    address = alone.project("owner/original", VERSION)
    (alone.github / "owner/original/colddiff_nb/notebook.py").write_text("def setup():\n    print('later')\n")
    commit(alone.github / "owner/original")
    assert alone.run(address) == "owner/original"
    shutil.rmtree(alone.folder / "colddiff")
    subprocess.run(["git", "tag", "-d", VERSION], cwd=alone.github / "owner/original", check=True)
    assert alone.run(address) == "later"


@pytest.mark.parametrize(("address", "reason"), [("", "ADDRESS above is empty"), ("https://github.com/no/such", "/no/such'"),
                                                 ("https://host.invalid/a/b", "Could not resolve host: host.invalid"), ("git", "git: not found")])
def test_what_cannot_be_fetched_is_one_line_and_can_be_tried_again(alone: Alone, address: str, reason: str) -> None:
    good, path = alone.project("owner/original"), alone.variables["PATH"]
    if address == "git":
        address, alone.variables["PATH"] = good, "/nowhere"
    said = alone.run(address)
    assert said.startswith(f"FileNotFoundError: {UNKNOWN}") and reason in said
    assert said.endswith("): mend that and run this cell again, or put this notebook into the project")
    assert not list(alone.folder.iterdir())
    alone.variables["PATH"] = path
    assert alone.run(good) == "owner/original"


@pytest.mark.parametrize("kind", ["folder", "file", "empty folder"])
def test_what_else_is_called_colddiff_is_left_alone(alone: Alone, kind: str) -> None:
    address, own = alone.project("owner/original"), alone.folder / "colddiff"
    own.write_text("mine") if kind == "file" else own.mkdir()
    if kind == "folder":
        (own / "thesis.txt").write_text("mine")
    assert alone.run(address).startswith(f"FileNotFoundError: {UNKNOWN}{own} is something else: rename it)")
    assert sorted(path.name for path in alone.root.rglob("*") if path.is_relative_to(own)) == ["colddiff", "thesis.txt"][:1 + (kind == "folder")]
    own.rename(alone.folder / "mine")
    assert alone.run(address) == "owner/original"


@pytest.mark.parametrize("signal", ["INT", "KILL"])
def test_after_an_interrupted_clone_the_next_try_works(alone: Alone, signal: str) -> None:
    """`git` is one that leaves half a clone when Stop is pressed, or the runtime dies."""
    git = alone.root / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f'#!/bin/sh\nfor folder; do :; done\nmkdir -p "$folder/colddiff_nb"\nkill -{signal} $NOTEBOOK\nsleep 1\n')
    git.chmod(0o755)
    address, path = alone.project("owner/original"), alone.variables["PATH"]
    alone.variables["PATH"] = f"{git.parent}:{path}"
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # also where tests run in the background
    alone.run(address, before=f"import os; os.environ['NOTEBOOK'] = str(os.getpid()); {heard}")
    left = [path.name for path in alone.folder.rglob("*")]
    assert left == [] if signal == "INT" else "colddiff_nb" in left
    alone.variables["PATH"] = path
    assert alone.run(address) == "owner/original"


@pytest.mark.slow
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
            twice = nbformat.v4.new_code_cell(with_address(address))
            notebook.cells[position:position + 1] = [nbformat.v4.new_code_cell("import google.colab"), twice, nbformat.v4.new_code_cell(twice.source)]
        (empty / f"{name}.ipynb").write_text(room.text(notebook))
        call("-m", "nbconvert", "--execute", "--to=notebook", "--inplace", f"{name}.ipynb", wishes=wishes)
        said = [room.printed(cell) for cell in nbformat.read(empty / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
        assert said[-1] and (name == "03_sampling" or any("NOT the full MNIST" in text for text in said))
    assert ["installed stranger>=1" in text for text in said[1:3]] == [True, False]
    after = call("-m", "pip", "list", "--format=freeze").split()
    assert sorted(after) == sorted([*before, "stranger==1"]) and {"torch", "numpy"} <= {line.split("==")[0] for line in before}
    again = call("-c", f"{SETUP}\nprint(setup.__code__.co_filename)")  # the clone is there: no address is needed any more
    assert again.splitlines()[-1] == str(empty / "colddiff" / "colddiff_nb" / "notebook" / "settings.py")

"""The notebooks as files; their stored facts; their exercises: a solution passes its check, the stub and planted wrong answers do not."""
from __future__ import annotations

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mistune
import nbformat
import pytest
import yaml
from nbformat import NotebookNode
from packaging.requirements import Requirement

from colddiff_nb.notebook import settings as package
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.weights.pretrained import SHIPPED
from tools import notebooks as room

HOME = Path(__file__).resolve().parents[2]

SOURCES = room.sources()
every = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def read(source: Path) -> NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), 4)


@every
def test_building_the_inputs_twice_gives_the_same_bytes_and_the_committed_ones(source: Path) -> None:
    assert room.text(room.inputs(source)) == room.text(room.inputs(source))
    assert not room.differing(source), f"build it: python -m tools.notebooks build {source.stem}"


def test_a_changed_source_is_seen(tmp_path: Path) -> None:
    source = tmp_path / "00_copy.py"
    source.write_text(SOURCES[0].read_text())
    source.with_suffix(".ipynb").write_text(room.text(room.inputs(source)))
    assert not room.differing(source)
    source.write_text(source.read_text() + "\nprint('one line more')\n")
    assert room.differing(source)


@every
def test_notebook_is_clean(source: Path) -> None:
    """What GitHub, Colab and git need: small, one kernel, no widget state, no timestamps, nothing of the machine that built it."""
    content, notebook = source.with_suffix(".ipynb").read_text(), read(source)
    assert len(content) < 1_000_000
    assert notebook.metadata == {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                                 "language_info": {"name": "python"}}
    assert room.WIDGET not in content
    for cell in notebook.cells:
        assert set(cell.metadata) <= set(room.KEPT)
        if cell.cell_type == "code":
            assert cell.execution_count, f"never executed: {cell.source}"
            assert not [output for output in cell.outputs if output.output_type == "error" or output.get("name") == "stderr"]
            assert not re.search(r"(?<![\w:/])/(home|root|tmp|Users|work|content|usr|opt|var)/", room.printed(cell))
    assert str(HOME) not in content


@every
def test_outputs_were_made_by_the_weights_that_are_shipped(source: Path) -> None:
    """Every "shipped weights CHECKSUM" that a committed notebook printed is that of a shipped file."""
    shipped = {load_weights(path)[1]["checksum"][:8] for path in SHIPPED.glob("*.safetensors")}
    text = "\n".join(room.printed(cell) for cell in read(source).cells if cell.cell_type == "code")
    printed = set(re.findall(r"shipped weights (\w{8}),", text))
    assert printed <= shipped, f"made by other weights: build it again, python -m tools.notebooks build {source.stem}"
    assert printed or "choose_model" not in source.read_text()


@every
def test_every_picture_has_an_alternative_text(source: Path) -> None:
    for cell in read(source).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                assert len(output.metadata.get("image/png", {}).get("alt", "")) > 20, cell.source


@every
def test_cells(source: Path) -> None:
    notebook = read(source)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(room.tagged(notebook, "setup")) == len(room.tagged(notebook, "parameters")) == 1
    lines = [cell.source.splitlines() for cell in room.inputs(source).cells if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", [])]
    assert max(map(len, lines)) <= 15 and max(len(line) for cell in lines for line in cell) <= 100
    assert len(source.read_text().splitlines()) <= 350
    assert not [cell.source for cell in code if re.search(r"^\s*[%!]", cell.source, re.MULTILINE)], "no magics"
    assert notebook.cells[0].source.startswith("<!-- badge -->")
    assert "\n<!-- live" not in notebook.cells[0].source, "a link is not read behind a comment that begins a line"


@every
def test_text_keeps_its_shape_in_a_narrow_jupyterlab(source: Path) -> None:
    """JupyterLab wraps longer lines of a sketch, and takes a line that begins with a comment for HTML."""
    cells = [cell.source for cell in room.inputs(source).cells if cell.cell_type == "markdown"]
    sketches = [sketch for cell in cells for sketch in re.findall(r"```text\n(.*?)```", cell, re.DOTALL)]
    assert not [line for sketch in sketches for line in sketch.splitlines() if len(line) > 62]
    assert not [line for cell in cells for line in cell.splitlines() if re.match(r"<!--.*-->[^<\s]", line)]


def test_the_setup_cell_is_the_same_everywhere() -> None:
    cells = {room.tagged(room.inputs(source), "setup")[0].source for source in SOURCES if source.stem != "00_start_here"}
    assert len(cells) <= 1


def test_start_here_needs_no_package() -> None:
    code = [cell.source for cell in room.inputs(SOURCES[0]).cells if cell.cell_type == "code"]
    modules = {name.name.split(".")[0] for cell in code for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Import) for name in node.names}
    modules |= {(node.module or "").split(".")[0] for cell in code for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.ImportFrom)}
    assert modules - set(sys.stdlib_module_names) <= {"torch", "torchvision", "matplotlib", "numpy", "IPython", "ipywidgets", "mlxtend"}
    assert sum(bool(line.strip()) for cell in code for line in cell.splitlines()) < 175


@every
def test_stored_facts_hold_on_every_machine(source: Path) -> None:
    """They are compared with those of a smoke-size run, so they hold no pictures, times or paths; at least three of them."""
    facts = room.tagged(read(source), "nbval-check-output")
    assert len(facts) >= 3
    for cell in facts:
        assert cell.outputs and all(output.output_type == "stream" for output in cell.outputs), cell.source
        shown = room.printed(cell)
        assert not re.search(r"\d+(\.\d+)?\s*(s|ms|min|seconds?|minutes?)\b|\d:\d\d|\d{4}-\d\d|/\w+/|\\\\|0x[0-9a-f]{6}|\bcuda\b|\bcpu\b", shown), shown


@pytest.mark.slow
@every
def test_stored_facts_and_exercises(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One smoke-size run that prints the stored facts again, and in which each check sees, after the stub, the answers of tests/answers
    and the notebook's own solution."""
    monkeypatch.setenv(package.VARIABLE, "smoke,offline")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = room.inputs(source)
    exercises, checks, solutions = (room.named(notebook, kind) for kind in ("exercise", "check", "solution"))
    answers = (HOME / "tests" / "answers" / source.name).read_text()
    planted = re.findall(r"^# %% (right|wrong) (\w+)\n(.*?)(?=^# %%|\Z)", answers, re.DOTALL | re.MULTILINE)
    assert set(exercises) == set(checks) == set(solutions) == {name for kind, name, _ in planted if kind == "wrong"}
    assert 2 <= len(exercises) <= 3
    cells, verdicts = [], []  # type: list[NotebookNode], list[tuple[str, str, NotebookNode]]
    for cell in notebook.cells:
        cells.append(cell)
        for name in [name for name, check in checks.items() if check is cell]:
            assert solutions[name].source.startswith("<details><summary>")
            (solution,) = re.findall(r"```python\n(.*?)```", solutions[name].source, re.DOTALL)
            verdicts.append(("stub", exercises[name].source, cell))
            tried = [(kind, answer) for kind, exercise, answer in planted if exercise == name]
            for kind, answer in [*tried, ("right", solution)]:  # the solution last: cells below may use it
                again = nbformat.v4.new_code_cell(cell.source)
                cells += [nbformat.v4.new_code_cell(answer), again]
                verdicts.append((kind, answer, again))
    notebook.cells = cells
    room.execute(notebook)
    begins = {"stub": "todo", "wrong": "not yet", "right": "ok:"}
    judged = [(kind, room.printed(cell), answer) for kind, answer, cell in verdicts]
    assert not [verdict for verdict in judged if not verdict[1].startswith(begins[verdict[0]])]
    facts, stored = ([room.printed(cell) for cell in room.tagged(one, "nbval-check-output")] for one in (notebook, read(source)))
    assert facts == stored


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(words: str) -> package.Settings:
        monkeypatch.setenv(package.VARIABLE, words)
        return package.read()

    assert read("") == package.Settings()
    settings = read("smoke, offline,runs=/somewhere")
    assert settings.smoke and settings.offline and settings.runs == Path("/somewhere")
    assert settings.choose(100, 2) == 2 and read("").choose(100, 2) == 100
    assert settings.dataset("mnist") == "mnist5k" and read("").dataset("mnist") == "mnist"
    for wrong in ("smokey", "runs=", "runs", "smoke=1"):
        with pytest.raises(ValueError, match="write smoke, offline, runs=PATH"):
            read(wrong)


def need_also(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    needed = package.needed()
    monkeypatch.setattr(package, "needed", lambda: [*needed, wish])


def test_setup_installs_only_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls = []

    class Done:
        returncode, stderr = 0, ""

    def run(command: list[str], **options: object) -> Done:
        calls.append(command)
        return Done()

    monkeypatch.setattr(package.subprocess, "run", run)
    monkeypatch.delenv(package.VARIABLE, raising=False)
    package.setup()
    assert not calls
    assert capsys.readouterr().out.count("\n") == 1
    need_also(monkeypatch, "not-there>=1")
    package.setup()
    command, = calls
    assert command[-1] == "not-there>=1" and f"torch=={importlib.metadata.version('torch')}" in command
    monkeypatch.setattr(Done, "returncode", 1)
    with pytest.raises(RuntimeError, match="pip could not install not-there"):
        package.setup()


def test_setup_says_why_pip_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    need_also(monkeypatch, "not-there>=1")
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-color"), ("PIP_NO_INDEX", "1")):  # the first two are so in every kernel
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match=r"install not-there>=1 \(ERROR: No matching distribution found for not-there>=1\)"):
        package.install()


def test_setup_asks_for_what_notebooks_import_and_leaves_the_runtime_alone() -> None:
    names = {Requirement(wish).name for wish in package.needed()}
    assert {"torch", "torchmetrics", "torch-fidelity", "ipywidgets"} <= names and not {"mlxtend", "ipykernel", "jupyterlab"} & names


def test_colab_meets_every_requirement() -> None:
    from tools import colab
    versions = dict(package.split("==") for package in colab.PACKAGES if "==" in package)
    required = [Requirement(line.split("#")[0]) for line in (HOME / "requirements.txt").read_text().splitlines()[1:]]
    met = {wish.name: wish.specifier.contains(versions[wish.name]) for wish in required if wish.name in versions}
    assert {"ipykernel", "ipywidgets", "numpy"} <= set(met) and all(met.values()), met


def test_badges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(room, "HOME", tmp_path)
    monkeypatch.setattr(room, "NOTEBOOKS", tmp_path)
    source, readme = tmp_path / "07_copy.py", tmp_path / "README.md"
    source.write_text('# %% [markdown]\n# <!-- badge --><!-- /badge -->\n# # Title\n# Draw: <!-- live -->the live page (`make site`)<!-- /live -->.\n\n'
                      '# %% tags=["setup"]\nADDRESS, VERSION = "", "v1"\n')
    readme.write_text("before\n<!-- badges -->\nx\n<!-- /badges -->\nafter\n")
    built = room.inputs(source)
    built.cells[1].outputs = [nbformat.v4.new_output("stream", text="shown before")]
    source.with_suffix(".ipynb").write_text(room.text(built))
    room.badges("someone/colddiff")
    target = "https://colab.research.google.com/github/someone/colddiff/blob/main/notebooks/07_copy.ipynb"
    assert target in source.read_text() and target in source.with_suffix(".ipynb").read_text() and target in readme.read_text()
    assert 'ADDRESS, VERSION = "https://github.com/someone/colddiff", "v1"' in source.read_text()
    assert "Draw: <!-- live -->[the live page](https://someone.github.io/colddiff/)<!-- /live -->." in source.read_text()
    assert not room.differing(source) and room.printed(read(source).cells[1]) == "shown before"
    page = mistune.html(read(source).cells[0].source)
    assert f'<a href="{target}"><img src="' in page and '<a href="https://someone.github.io/colddiff/">the live page</a>' in page
    for wrong in ("", "no repository"):
        with pytest.raises(ValueError, match="OWNER/NAME"):
            room.badges(wrong)
    source.write_text(source.read_text() + "\n# %%\nprint('one line more')\n")
    with pytest.raises(ValueError, match="build 07_copy"):
        room.badges("else.one/fork")
    assert "else.one" not in source.read_text() + readme.read_text()


@pytest.mark.slow
def test_the_workflow_writes_the_address_of_its_own_repository_once(tmp_path: Path) -> None:
    """Its steps in a clone of a small project on a branch, with git's own remote in GitHub's place."""
    workflow = yaml.safe_load((HOME / ".github" / "workflows" / "address.yml").read_text())
    assert workflow["permissions"] == {"contents": "write"} and workflow[True] == "push"  # YAML reads "on" as True
    (job,) = workflow["jobs"].values()
    assert job["if"] == "github.ref_name == github.event.repository.default_branch"
    install, *steps = [step["run"] for step in job["steps"] if "run" in step]
    assert install == "pip install jupytext nbclient"

    project, github, clone = tmp_path / "project", tmp_path / "github", tmp_path / "clone"
    for name in ("tools/notebooks.py", "README.md", *(f"notebooks/{source.name}" for source in SOURCES[:2])):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HOME / name, project / name)
    for source in (project / "notebooks").glob("*.py"):
        source.with_suffix(".ipynb").write_text(room.text(room.inputs(source)))

    def run(folder: Path, script: str) -> str:
        command = ["bash", "-e", "-c", script]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout

    run(project, "git init -q; git add .; git -c user.name=a -c user.email=a@b commit -qm first")
    run(tmp_path, f"git clone -q --bare {project} {github}; git clone -q {github} {clone}")
    for repository, commits in (("someone/original", 2), ("someone/original", 2), ("else.one/fork", 3)):
        for step in steps:
            run(clone, step.replace("${{ github.repository }}", repository).replace("python ", f"{sys.executable} "))
        assert len(run(github, "git log --format=%h").split()) == commits
        for name in ("notebooks/01_data_and_degradations.py", "notebooks/01_data_and_degradations.ipynb", "README.md"):
            assert f"github/{repository}/blob" in run(github, f"git show HEAD:{name}")
        assert f'ADDRESS, VERSION = "https://github.com/{repository}"' in run(github, "git show HEAD:notebooks/01_data_and_degradations.py")


def test_the_readme_says_how_to_open_a_notebook_in_colab() -> None:
    readme = (HOME / "README.md").read_text()
    assert "https://colab.research.google.com, choose *Upload*" in readme or all(f"{source.stem}.ipynb)" in readme for source in SOURCES)
    assert ("choose *Upload*" in readme) == ('ADDRESS, VERSION = ""' in SOURCES[-1].read_text())

"""What a class gets: editions, handout, scores and figures."""
from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

HOME = Path(__file__).resolve().parents[2]
room, editions, figures = (importlib.import_module(name) for name in ("tools.notebooks", "tools.class", "tools.figures"))
SOURCES = room.sources()
every = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)

TINY = '''# %% tags=["exercise:double"]
def double(x):
    return None  # todo

# %% tags=["check:double"]
answer = double(2)
print("todo: write it" if answer is None else "ok: doubled" if answer == 4 else "not yet: twice x")

# %% tags=["exercise:half"]
def half(x):
    return None  # todo

# %% tags=["check:half"]
answer = half(2)
print("todo: write it" if answer is None else "ok: halved" if answer == 1 else "not yet: x / 2")
'''


def code(source: str, *tags: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


@every
def test_the_student_edition_holds_exercises_and_no_answers(source: Path) -> None:
    made, whole = editions.student(source), room.inputs(source)
    content = room.text(made)
    assert set(room.named(made, "exercise")) == set(room.named(made, "check")) == set(room.named(whole, "exercise"))
    solutions = room.named(whole, "solution").values()
    folded = any("<details>" in cell.source for cell in whole.cells if cell not in solutions)  # a quiz
    assert not room.named(made, "solution") and "<details>" not in content and ("Your answer:" in content) == folded
    for cell in room.named(whole, "solution").values():
        (solution,) = re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL)
        assert not [cell for cell in made.cells if solution.strip() in cell.source]
    questions = re.findall(r"<summary>(\d\. .*?)</summary>", "\n".join(cell.source for cell in whole.cells))
    assert all(question in "\n".join(cell.source for cell in made.cells) for question in questions)


@every
def test_the_teacher_edition_is_executed_and_unfolded(source: Path) -> None:
    made = editions.teacher(source)
    assert all(cell.execution_count for cell in made.cells if cell.cell_type == "code")
    assert set(room.named(made, "solution")) == set(room.named(made, "exercise"))
    assert "<details>" not in room.text(made) and "<details open>" in room.text(made)


def test_the_handout_asks_for_every_exercise() -> None:
    handout = editions.handout()
    for source in SOURCES:
        assert f"## {source.stem}: " in handout
        assert all(f"```python\n{cell.source}\n```" in handout for cell in room.named(room.inputs(source), "exercise").values())
    assert "### 1 · Between the algorithms\nAlgorithm 1 forgets the state" in handout and "## Exercises" not in handout


def test_a_class_gets_the_live_page_once_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(editions, "LIVE_PAGE", tmp_path / "live")
    monkeypatch.setattr(editions, "sources", lambda: [])
    editions.main(tmp_path / "class")
    assert "make site" in capsys.readouterr().out
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "index.html").write_text("the page")
    editions.main(tmp_path / "class")
    assert (tmp_path / "class" / "site" / "index.html").read_text() == "the page"
    assert "http.server --directory" in capsys.readouterr().out


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """tools/score.py, which looks at once for what was handed in, and a tiny notebook of ours."""
    (tmp_path / f"{SOURCES[0].stem}.ipynb").write_text(room.text(room.inputs(SOURCES[0])))
    monkeypatch.setenv("HANDED_IN", str(tmp_path))
    monkeypatch.delitem(sys.modules, "tools.score", raising=False)
    (tmp_path / "07_tiny.py").write_text(TINY)
    module = importlib.import_module("tools.score")
    monkeypatch.delitem(sys.modules, "tools.score")
    monkeypatch.setattr(module, "LONGEST", 10)

    def said(*cells: NotebookNode, text: str = "") -> dict[str, str]:
        path = tmp_path / f"07_tiny_{len(list(tmp_path.iterdir()))}.ipynb"
        path.write_text(text or room.text(nbformat.v4.new_notebook(cells=list(cells))))
        return module.said(path, tmp_path / "07_tiny.py")

    return said


def test_scores(score) -> None:
    right = code("def double(x):\n    return 2 * x", "exercise:double")
    cheat = code("print('ok: all of it')", "check:half")
    assert score(right, code("def half(x):\n    return x", "exercise:half"), cheat) == {"double": "ok: doubled", "half": "not yet: x / 2"}
    broken = code("def half(x):\n    return x / nothing", "exercise:half")
    assert score(right, broken) == {"double": "ok: doubled", "half": "NameError: name 'nothing' is not defined"}
    assert score(code("def half(x):\n    return x / 2")) == {"double": "todo: write it", "half": "ok: halved"}, "an editor that drops tags"


@pytest.mark.slow
@pytest.mark.parametrize(("line", "verdict"), [("import os; os._exit(0)", "it ends Python"), ("while True: pass", "not done after 10 seconds")])
def test_an_answer_that_ends_the_run_costs_itself_alone(score, line: str, verdict: str) -> None:
    right, deadly = code("def double(x):\n    return 2 * x", "exercise:double"), code(f"def half(x):\n    {line}", "exercise:half")
    assert score(right, deadly) == {"double": "ok: doubled", "half": verdict}


def collected(folder: Path) -> str:
    """What the documented command says of a folder before it scores anything."""
    command = [sys.executable, "-m", "pytest", "--collect-only", str(HOME / "tools" / "score.py")]
    return subprocess.run(command, cwd=HOME, env=os.environ | {"HANDED_IN": str(folder)}, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(("name", "message"), [("", "is named like one of ours"), ("nowhere", "no notebook in .*nowhere")])
def test_a_folder_without_notebooks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.setenv("HANDED_IN", str(tmp_path / name))
    monkeypatch.delitem(sys.modules, "tools.score", raising=False)
    with pytest.raises(FileNotFoundError, match=message):
        importlib.import_module("tools.score")


@pytest.mark.slow
def test_what_is_handed_in_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "Anna B").mkdir()
    (tmp_path / "Anna B" / "123 03_sampling (1).ipynb").write_text("{no notebook")
    (tmp_path / "homework.ipynb").touch()
    (tmp_path / "03_sampling_ben.zip").touch()
    for place in ("__MACOSX/Anna B/._03_sampling.ipynb", ".ipynb_checkpoints/03_sampling-checkpoint.ipynb", "03_sampling.ipynb/empty"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    said = collected(tmp_path)
    assert "Anna B/123 03_sampling (1).ipynb:between" in said and said.count(".ipynb:between") == 1
    assert "not scored, as not named like one of ours: 3 ('homework.ipynb', '03_sampling.ipynb/empty', '03_sampling_ben.zip')" in said


def test_a_file_that_is_no_notebook_is_said(score) -> None:
    assert " is no notebook: " in score(text="{no notebook")["half"]


@every
def test_figures_are_tagged_where_a_picture_is_shown(source: Path) -> None:
    for name, cell in room.named(nbformat.read(source.with_suffix(".ipynb"), 4), "figure").items():
        assert [output for output in cell.outputs if "image/png" in output.get("data", {})], f"{source.stem}: figure:{name} shows nothing"


def test_the_figures_that_the_lecture_shows_are_tagged() -> None:
    shown = set(re.findall(r"figure `(\w+-\w+)`", (HOME / "TEACHING.md").read_text()))
    assert shown and shown <= {f"{source.stem}-{name}" for source in SOURCES for name in room.named(room.inputs(source), "figure")}


def test_a_figure_becomes_svg_png_and_caption(tmp_path: Path) -> None:
    (tmp_path / "07_tiny.py").write_text('''# %%
import matplotlib.pyplot as plt
from IPython.display import display
from PIL import Image
# %% tags=["figure:line"]
figure = plt.figure()
figure.gca().plot([1, 2])
display(figure, metadata={"image/png": {"alt": "A line that rises."}})
plt.close(figure)
# %% tags=["figure:square"]
display(Image.new("L", (4, 2)), metadata={"image/png": {"alt": "Black & small."}})
# %% tags=["figure:nothing"]
print("nothing")
# %%
raise ValueError("cells below the last figure are not run")
''')
    notebook = room.execute(figures.upto_figures(tmp_path / "07_tiny.py"))
    cells = room.named(notebook, "figure")
    assert figures.save(cells["line"], tmp_path / "line") == "A line that rises."
    svg = (tmp_path / "line.svg").read_text()
    assert "<svg" in svg and "<path" in svg and "base64" not in svg
    assert figures.save(cells["square"], tmp_path / "square") == "Black & small."
    svg = (tmp_path / "square.svg").read_text()
    assert 'viewBox="0 0 4 2"' in svg and "<title>Black &amp; small.</title>" in svg and "data:image/png" in svg
    for name in ("line", "square"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="shows no picture"):
        figures.save(cells["nothing"], tmp_path / "nothing")


def test_a_notebook_without_figures_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "07_tiny.py").write_text(TINY)
    assert not figures.upto_figures(tmp_path / "07_tiny.py").cells


def test_a_notebook_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "07_tiny.py").write_text('# %% tags=["figure:none"]\nraise OSError("no network")\n')
    monkeypatch.setattr(figures, "sources", lambda names: [tmp_path / "07_tiny.py"])
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    with pytest.raises(SystemExit, match="^07_tiny: OSError: no network$"):
        figures.main()

"""The package is a house: a file imports from its own room and from the floors below."""
import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "colddiff_nb"
FLOORS = [{"sampling", "storage"}, {"other_samplers", "data"}, {"degradations"}, {"networks", "metrics"}, {"training"},
          {"weights"}, {"notebook", "interop"}, {"commands"}, {"__main__", "__init__"}]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room(module):
    """training.loop -> training"""
    return module.partition(".")[0]


def imported(tree):
    """Names of modules of the package, without its own, that a file imports: at its head, in functions, for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("colddiff_nb.") for alias in node.names if alias.name.startswith("colddiff_nb."))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute: from colddiff_nb.ROOM.FILE import NAME"
            if node.module == "colddiff_nb":
                yield from (alias.name for alias in node.names)
            elif node.module.startswith("colddiff_nb."):
                yield node.module.removeprefix("colddiff_nb.")


def test_no_arrow_of_imports_runs_up():
    arrows = set()
    for path in PACKAGE.rglob("*.py"):
        here = room(".".join(path.relative_to(PACKAGE).with_suffix("").parts))
        arrows |= {(here, room(there)) for there in imported(ast.parse(path.read_text()))}
    assert {("training", "storage"), ("notebook", "metrics"), ("weights", "storage")} <= arrows  # they are found at all
    assert [f"{here} imports {there}" for here, there in sorted(arrows) if here != there and FLOOR[there] >= FLOOR[here]] == []
    assert {here for here, there in arrows if there == "interop"} == {"interop"}  # adapters: nothing needs them


def test_the_house_has_a_dozen_entries_and_a_room_nine_files():
    entries = [path for path in PACKAGE.iterdir() if path.name not in ("__init__.py", "__main__.py", "__pycache__", "py.typed")]
    assert {path.stem for path in entries} <= set(FLOOR) and len(entries) <= 12
    assert [path.name for path in entries if len(list(path.glob("*.py"))) > 9] == []


def test_a_file_has_at_most_250_lines():
    folders = (PACKAGE, *(PACKAGE.parent / name for name in ("benchmarks", "site", "studies", "tools")))
    lengths = {path: len(path.read_text().splitlines()) for folder in folders for path in folder.rglob("*.py")}
    assert len(lengths) > 80  # they are found at all
    assert [f"{path.relative_to(PACKAGE.parent)}: {n} lines" for path, n in lengths.items() if n > 250] == []


def public_methods(room):
    """(its full name, the method) for classes and methods that a room defines, but for names with an underscore."""
    for found in pkgutil.walk_packages([str(PACKAGE / room)], f"colddiff_nb.{room}."):
        for cls in vars(importlib.import_module(found.name)).values():
            if inspect.isclass(cls) and cls.__module__ == found.name and not cls.__name__.startswith("_"):
                yield from ((f"{found.name}.{cls.__name__}.{name}", getattr(cls, name)) for name, value in vars(cls).items()
                            if inspect.isfunction(value) and not name.startswith("_"))


@pytest.mark.parametrize("room", sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists() and path.name != "interop"))
def test_every_public_method_says_what_it_does_or_inherits_that(room):
    """Ruff asks the same of functions and classes."""
    assert [name for name, method in public_methods(room) if not inspect.getdoc(method)] == []

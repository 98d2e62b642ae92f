"""From the words of a command line to a command, and a file of the reader's own that it knows of."""
from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path

import tyro

from colddiff_nb.commands.common import PROGRAM
from colddiff_nb.commands.restore import Restore
from colddiff_nb.commands.score import Evaluate, Table
from colddiff_nb.commands.train import Demo, Export, Report, Train

ABOUT = f"Cold diffusion without a notebook. Start with: {PROGRAM} restore"
KINDS = {"INT INT": "two whole numbers", "INT": "a whole number", "FLOAT": "a number", "PATH": "a path"}
WORDS = {  # what tyro says, and what is plainer
    r"Error parsing \w+: (?=\w)": "",
    r"Error parsing (--\S+): invalid literal for int\(\) with base 10: '(.*)'": r"\1 \2: give INT",
    r"Error parsing (--\S+): could not convert string to float: '(.*)'": r"\1 \2: give FLOAT",
    r"Error parsing (--\S+): no type matching \{None\}.\{?([A-Z ]+)\}? .*from \[(.*?)\].*": r"\1 \3: give \2",
    r"invalid choice '(.*)' for argument '(\S+)'\. Expected one of \((.*)\)\.": r"\2 \1: choose one of \3",
    r"Missing value for argument '(\S+)'\. .*": r"\1: its value is missing",
    r"Missing from .* (\w+): \S+ (.*) \(required\)": r"\1 needs one more word: \2",
    r"Expected one of \{(.*)\}\.": r"no command was given: choose one of \1",
    "Unrecognized options": "unknown"}


def parse(arguments: Sequence[str]) -> Callable[[], None]:
    """Return the command that was asked for, its options checked.

    Raises:
        ValueError: the words are no command, in one line.
        SystemExit: help was asked for, and is printed.
    """
    for option, path in pairwise([*arguments, ""]):
        if option == "--plugin":
            load_plugin(Path(path))
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(
                Restore | Train | Evaluate | Table | Export | Demo | Report,
                args=arguments, prog=PROGRAM, description=ABOUT,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes,
                        tyro.conf.CascadeSubcommandArgs, tyro.conf.FlagCreatePairsOff))
    except SystemExit as ended:
        if ended.code == 0:
            raise
        raise ValueError(one_line(said.getvalue())) from None


def one_line(box: str) -> str:
    """Return in one line what tyro says in a box: what is wrong, what may be meant, and where help is."""
    _, *lines = [line.strip("│|╰╯ ") for line in box.splitlines() if line.strip()]  # without its title
    parts = [" ".join(part.split()) for part in re.split("[─-]{4,}", " ".join(lines))]
    said, *others = filter(None, parts)
    for found, plainer in WORDS.items():
        said = re.sub(found, plainer, said)
    said = re.sub("|".join(KINDS), lambda kind: KINDS[kind[0]], said) if "give" in said else said
    for part in others:
        if meant := re.search(r"Perhaps you meant:\s+(\S+)|(?:subcommands|Expected one of):? (.*)", part):
            said += f"; perhaps {meant[1]}" if meant[1] else f": choose one of {meant[2]}"
    return said


def load_plugin(path: Path) -> None:
    """Run a reader's own file, so that what it registers is known.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no Python file, or fails.
    """
    if not path.is_file():
        raise FileNotFoundError(f"--plugin: there is no file {str(path)!r}: check the path")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"--plugin {path} is no Python file: its name must end in .py")
    sys.path.insert(0, str(path.parent))  # its neighbours
    try:
        module = sys.modules[path.stem] = module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:  # the reader's code may fail in any way
        said = str(error).splitlines()[0] if str(error) else "no message"
        raise ValueError(f"--plugin {path} fails: {type(error).__name__}: {said}") from error

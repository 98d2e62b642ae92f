"""From the words of a command line to a command."""
from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from itertools import pairwise
from pathlib import Path
from runpy import run_path

import tyro
from tyro import conf

from colddiff_nb.commands.common import PROGRAM
from colddiff_nb.commands.restore import Restore
from colddiff_nb.commands.score import Evaluate, Table
from colddiff_nb.commands.train import Demo, Export, Report, Train

PLAINER = {  # what Python and tyro say of a value, and what it means
    r"no type matching \{None\}\|INT could be instantiated from \['(.*?)'\]": r"'\1' is no whole number",
    r"no type matching \{None\}\|\{(.*?)\} could be instantiated from (\[.*?\])": r"\2 is not \1",
    r"invalid literal for int\(\) with base 10: ('.*?')": r"\1 is no whole number",
    r"could not convert string to float: ('.*?')": r"\1 is no number"}


def parse(arguments: Sequence[str]) -> Callable[[], None]:
    """Return the command that was asked for; raise ValueError with one line where there is none."""
    for word, following in pairwise([*arguments, ""]):
        option, equals, path = word.partition("=")
        if option == "--plugin":
            load_plugin(Path(path if equals else following))
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(
                Restore | Train | Evaluate | Table | Export | Demo | Report, args=arguments, prog=PROGRAM,
                description=f"Cold diffusion without a notebook. Start with: {PROGRAM} restore",
                config=(conf.OmitArgPrefixes, conf.OmitSubcommandPrefixes, conf.CascadeSubcommandArgs,
                        conf.FlagCreatePairsOff))
    except SystemExit as ended:
        if ended.code == 0:
            raise
        raise ValueError(one_line(said.getvalue())) from None


def one_line(box: str) -> str:
    """Return in one line what tyro says in a box: what is wrong, and what may be meant."""
    lines = [line.strip("│|╰╯ ") for line in box.strip().splitlines()[1:]]  # without its title
    said = " ".join(" ".join(lines).split())
    said = re.sub(r"Error parsing (\w+: )?|( Got errors| [─-]{4,} (Argument|For full) help).*", "", said)
    for words, meaning in PLAINER.items():
        said = re.sub(words, meaning, said)
    return re.sub(r" [─-]{4,} (Perhaps you meant: --\S+|Available.*).*", r". \1", said)


def load_plugin(path: Path) -> None:
    """Run a reader's own file, so that what it registers is known; raise ValueError if it fails."""
    sys.path.insert(0, str(path.parent))  # its neighbours
    try:
        run_path(str(path), run_name=path.stem)
    except Exception as error:  # the reader's code may fail in any way
        raise ValueError(f"--plugin {path} fails: {type(error).__name__}: {error}") from error

"""How the pages say things: sections, tables, numbers with their marks, verdicts."""
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import pandas as pd

from studies.published import PAIRS, Published, Row

SCORES = {"RMSE": ("rmse", 4, -1), "SSIM": ("ssim", 4, 1),  # digits, +1: more is better
          "FID": ("fid", 2, -1)}
MISSING = "not run"
FROM = {"float32": "float32", "8bit": "8 bits"}
Section = Callable[[Published], str]
SECTIONS: dict[str, Section] = {}  # what fills {{name}} on a page


def section(function: Section) -> Section:
    """Let a function fill the place of its name; without the file it reads, say how to measure it."""
    study = function.__module__.rpartition(".")[2]

    @wraps(function)
    def fill(published: Published) -> str:
        try:
            return function(published)
        except FileNotFoundError:
            return f"Not run yet: `python -m studies run {study}`."
    SECTIONS[function.__name__] = fill
    return fill


def markdown(frame: pd.DataFrame) -> str:
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(frame) else "Nothing yet."


def table(head: str, rows: Iterable[Iterable[Any]]) -> str:
    """A table of texts; head is "a | b | c"."""
    return markdown(pd.DataFrame([list(row) for row in rows], columns=head.split(" | ")))


def filled(columns: dict[str, str], rows: Iterable[dict[str, Any]]) -> str:
    """A table of rows, each column by its template: {"RMSE": "{rmse:.4f}"}."""
    return table(" | ".join(columns), ([text.format(**row) for text in columns.values()] for row in rows))


def over_seeds(scores: pd.Series, digits: int, deviation: bool = False) -> str:
    """Mean over the seeds, ± half the range between them, or their standard deviation."""
    if scores.isna().all():
        return "–"
    spread = scores.std() if deviation else (scores.max() - scores.min()) / 2
    return f"{scores.mean():.{digits}f}" + (f" ± {spread:.{digits}f}" if len(scores) > 1 else "")


def seed_table(rows: pd.DataFrame, by: list[str], scores: dict[str, tuple[str, int]],
               deviation: bool = False) -> str:
    """A line for each group of rows, over its seeds. scores: {"rmse": ("RMSE", 4)}, name and digits."""
    groups = rows.groupby(by, sort=False)
    return markdown(pd.DataFrame({name: groups[key].apply(over_seeds, digits=digits, deviation=deviation)
                                  for key, (name, digits) in scores.items()}).reset_index())


def by_pair(tables: dict[str, str]) -> str:
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in tables.items()) or "Nothing yet."


def number(row: Row | None, metric: str, digits: int, interval: bool = False) -> str:
    """The value, half its interval, and what it was scored on where that is not the full test split."""
    value = None if row is None else row.number(metric)
    if row is None or value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    if interval and f"{metric}_interval" in row.cell:
        text += f" ± {row.half_interval(metric):.{digits}f}"
    return text if row.full else f"{text} ({row.images})"


def printed_score(theirs: dict[str, Any], metric: str) -> str:
    """A figure of the paper, with the mark of its note."""
    mark = theirs.get("notes", {}).get(metric)
    return f"{theirs[metric]:.{2 if metric == 'FID' else 3}f}" + (f" ({mark})" if mark else "")


def compare(ours: float, theirs: float, near: float, sign: int) -> str:
    """The verdict on a score: better, worse, or a tie where it is not further away than `near`.

    sign: +1 where more is better, -1 where less is.
    """
    if abs(ours - theirs) <= near:
        return "tie"
    return "better" if sign * (ours - theirs) > 0 else "worse"


def bold(text: str, true: bool) -> str:
    return f"**{text}**" if true else text


def cases(published: Published) -> list[tuple[str, str, str]]:
    """(pair, variant, title); the title names the variant where there are several."""
    found = []
    for pair, title in PAIRS.items():
        variants = published.variants(pair)
        found += [(pair, variant, f"{title}, {variant}" if variants[1:] else title) for variant in variants]
    return found


def titled(pair: str, variant: str) -> str:
    return f"{PAIRS[pair]}, {variant}"

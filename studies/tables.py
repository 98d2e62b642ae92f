"""How the pages say things: sections, tables, numbers with their marks, verdicts."""
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path

import pandas as pd
from jinja2 import StrictUndefined, Template

from studies.published import METRICS, PAIRS, Fields, Published, full, half

PAGES = Path(__file__).parent / "pages"
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


def render(page: str, told: Fields) -> str:
    """Fill in a page of pages/. Raises UndefinedError for what it is not told."""
    template = Template((PAGES / page).read_text(), undefined=StrictUndefined)
    return template.render(told).replace("\n\n\n", "\n\n").strip() + "\n"


def table(rows: Iterable[Fields] | pd.DataFrame) -> str:
    """A table with a line for each row, the names of its fields above."""
    frame = pd.DataFrame(rows)
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(frame) else "Nothing yet."


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
    return table(pd.DataFrame({name: groups[key].apply(over_seeds, digits=digits, deviation=deviation)
                               for key, (name, digits) in scores.items()}).reset_index())


def by_pair(tables: dict[str, str]) -> str:
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in tables.items()) or "Nothing yet."


def number(row: Fields | None, metric: str, interval: bool = False, digits: int | None = None) -> str:
    """The value, half its interval, and what it was scored on where that is not the full test split."""
    if row is None or metric not in row:
        return MISSING
    digits = METRICS[metric][1] if digits is None else digits
    text = f"{row[metric]:.{digits}f}"
    if interval and f"{metric}_interval" in row:
        text += f" ± {half(row, metric):.{digits}f}"
    return text if full(row) else f"{text} ({row['images']})"


def numbers(row: Fields | None, metrics: Iterable[str], interval: bool = False) -> dict[str, str]:
    return {METRICS[metric][0]: number(row, metric, interval) for metric in metrics}


def printed_score(published: Published, pair: str, method: str, metric: str) -> str:
    """A figure of the paper, with the mark of its note."""
    printed, name = published.printed(pair, method), metric.upper()
    mark = printed.get("notes", {}).get(name)
    return f"{printed[name]:.{2 if name == 'FID' else 3}f}" + (f" ({mark})" if mark else "")


def compare(ours: float, theirs: float, near: float, sign: int) -> str:
    """The verdict on a score: better, worse, or a tie where it is not further away than `near`.

    sign: +1 where more is better, -1 where less is.
    """
    if abs(ours - theirs) <= near:
        return "tie"
    return "better" if sign * (ours - theirs) > 0 else "worse"


def bold(text: str, true: bool) -> str:
    return f"**{text}**" if true else text


def titled(pair: str, variant: str) -> str:
    return f"{PAIRS[pair]}, {variant}"

"""The paper's figures beside ours: the summary, every row, the best sampler; least squares; our own goals."""
from collections.abc import Iterator

from colddiff_nb.metrics.evaluation import fid_protocol
from studies.published import METHODS, NAMES, PAIRS, Published, Row
from studies.tables import (
    FROM,
    MISSING,
    SCORES,
    bold,
    by_pair,
    cases,
    compare,
    number,
    printed_score,
    section,
    table,
    titled,
)

PAPER_METHODS = {"degraded": "degraded", "direct": "direct", "algorithm2": "sampled"}
BOTH = ("direct", "algorithm2")  # what the paper prints of restorations
SAMPLED = ("direct", "algorithm1", "algorithm2")
METRICS = SCORES | {"Frechet": ("frechet", 1, -1)}
SHOWN = {"rmse": 4, "ssim": 4, "fid": 2, "class_accuracy": 3, "frechet": 1, "gain": 3}  # digits
# An FID this near to the paper's is a tie: the largest gap of degraded images that are scored as the paper's,
# what rounding changes on restorations, what bfloat16 changes, and half an interval, together.
FID_TIE = 0.087
BFLOAT16 = 0.03  # what Inception in bfloat16 changed FID by at most


def against_paper(published: Published, row: Row | None, metric: str) -> str:
    """The verdict on a score beside the paper's; "" where one of the two is missing.

    A tie is not further from the printed figure than half the interval and half its last digit.
    """
    key, _, sign = SCORES[metric]
    if row is None or row.number(key) is None or row.key[1] not in BOTH:
        return ""
    printed = published.paper["pairs"][row.pair][PAPER_METHODS[row.key[1]]][metric]
    near = FID_TIE * printed + 0.005 if metric == "FID" else row.half_interval(key) + 0.0005
    return compare(row.cell[key], printed, near, sign)


def among_ours(row: Row, other: Row, metric: str) -> str:
    """The verdict beside another of ours on the same images.

    A tie is as printed, or within half the other's interval, or for FID what bfloat16 changed at most.
    """
    key, digits, sign = METRICS[metric]
    theirs, near = other.cell[key], other.half_interval(key)
    if key == "fid" and (row.fid_in_bfloat16 or other.fid_in_bfloat16):
        near = BFLOAT16 * theirs
    return compare(row.cell[key], theirs, max(near, 0.5 * 10 ** -digits), sign)


@section
def summary(published: Published) -> str:
    rows = []
    for pair, variant, _ in cases(published):
        shown = []
        for metric, (key, digits, _) in SCORES.items():
            for method in BOTH:
                found = [published.best(pair, method, precision, variant, key) for precision in FROM]
                ours = [bold(number(row, key, digits - (metric != "FID")),
                             against_paper(published, row, metric) == "better") for row in found]
                theirs = printed_score(published.paper["pairs"][pair][PAPER_METHODS[method]], metric)
                shown.append(f"{', '.join(ours)} / {theirs}")
        rows.append((titled(pair, variant), published.share(pair), *shown))
    head = [f"{metric} of {METHODS[method]}" for metric in SCORES for method in BOTH]
    return table(" | ".join(["pair", "budget", *head]), rows)


@section
def rows(published: Published) -> str:
    """Every row beside the paper's, the full test split first, and those of the stage before the last."""
    every = published.rows + [Row(name.removesuffix("-8bit"), f"earlier/{name}", cell)
                              for name in NAMES for cell in published.cells(f"earlier/{name}.json")]
    with_fid = {place(row) for row in every if row.number("fid") is not None}
    every = [row for row in every if row.number("fid") is not None or place(row) not in with_fid]
    every.sort(key=lambda row: (not row.full, list(METHODS).index(row.key[1]), row.key[2] != "float32",
                                row.folder.startswith("earlier")))
    head = "method | from | RMSE | SSIM | FID | FID taken of | class accuracy | Frechet | gain | images"
    return by_pair({titled(pair, variant): table(head, [
        *paper_rows(published, pair),
        *(score_row(published, row) for row in every if (row.pair, row.key[0]) == (pair, variant))])
        for pair, variant, _ in cases(published)})


def place(row: Row) -> tuple:
    """What tells a row from others, but for how its FID was taken."""
    return row.pair, row.key, row.images, row.key[1] == "degraded" or row.folder


def paper_rows(published: Published, pair: str) -> Iterator[tuple[str, ...]]:
    for method, column in PAPER_METHODS.items():
        printed = published.paper["pairs"][pair][column]
        scores = (printed_score(printed, metric) for metric in SCORES)
        yield (f"*the paper*, {METHODS[method]}", "–", *scores,
               "as they are", "–", "–", "–", "test, 10,000")


def score_row(published: Published, row: Row) -> tuple[str, ...]:
    """A row's scores, bold where those of the full split are better than the paper's."""
    verdicts = {key: against_paper(published, row, metric)
                for metric, (key, *_) in SCORES.items() if row.full}
    shown = {key: number(row, key, digits, True).removesuffix(f" ({row.images})")
             + " (tie)" * (verdicts.get(key) == "tie") for key, digits in SHOWN.items()}
    rmse, ssim, fid, *others = (bold(text, verdicts.get(key) == "better") for key, text in shown.items())
    of = " (8-bit model)" * (row.folder.endswith("-8bit") and row.key[1] != "degraded")
    of += ", stage before" * row.folder.startswith("earlier")
    return (METHODS[row.key[1]] + of, FROM[row.key[2]], rmse, ssim, fid, fid_protocol(row.cell) or "–",
            *others, row.images)


@section
def best(published: Published) -> str:
    """Our samplers from float32: bold is the best and what ties with it. The paper has no Algorithm 1."""
    rows = []
    for pair, variant, title in cases(published):
        printed = published.paper["pairs"][pair]
        for metric, (key, digits, sign) in METRICS.items():
            found = {method: row for method in SAMPLED
                     if (row := published.best(pair, method, variant=variant, metric=key))}
            winner = max(found.values(), key=lambda row: sign * row.cell[key], default=None)
            shown = [bold(number(row, key, digits), among_ours(row, winner, metric) == "tie")
                     if winner and (row := found.get(method)) else MISSING for method in SAMPLED]
            both = set(BOTH) <= set(found)
            here = among_ours(found["algorithm2"], found["direct"], metric) if both else "–"
            theirs = "–" if metric == "Frechet" else compare(
                printed["sampled"][metric], printed["direct"][metric], 0, sign)
            rows.append((title, metric, *shown, here, theirs))
    return table("pair | metric | direct | Algorithm 1 | Algorithm 2 | Algorithm 2 beside direct | "
                 "in the paper", rows)


@section
def glance(published: Published) -> str:
    """What the network adds over least squares, and what iterating costs. Bold is the least RMSE."""
    rows = []
    for pair, variant, title in cases(published):
        for precision, name in FROM.items():
            lmmse, direct, sampled = found = [published.best(pair, method, precision, variant)
                                              for method in ("lmmse", *BOTH)]
            least = min((row.cell["rmse"] for row in found if row), default=0)
            shown = [bold(number(row, "rmse", 4), row is not None and row.cell["rmse"] == least)
                     for row in found]
            ratio = f"{sampled.cell['rmse'] / direct.cell['rmse']:.2f}" if direct and sampled else "–"
            fids = (number(published.best(pair, method, precision, variant, "fid"), "fid", 2)
                    for method in ("lmmse", "direct"))
            share = published.share(direct.folder) if direct else "–"
            rows.append((title, name, share, *shown, ratio, *fids))
    return table("pair | from | budget | LMMSE | direct | Algorithm 2 | Algorithm 2 / direct | "
                 "FID, LMMSE | FID, direct", rows)


@section
def goals(published: Published) -> str:
    """Direct reconstruction on the full test split, beside what this project set out to reach."""
    lines = []
    for aim in published.read("goals.json")["goals"]:
        (key, digits, sign), goal = SCORES[aim["metric"]], aim["goal"]
        row = published.best(aim["pair"], "direct", aim["precision"], aim["variant"], key)
        lines.append((titled(aim["pair"], aim["variant"]), FROM[aim["precision"]], aim["metric"],
                      f"{goal:.3f}", number(row, key, digits),
                      compare(row.cell[key], goal, 0, sign) if row else MISSING))
    return table("pair | from | metric | goal | measured | it is", lines)


@section
def budgets(published: Published) -> str:
    """The images that the models made for float32 saw, as a share of the paper's."""
    seen = [model["images_seen"] for name, model in published.models.items() if name in PAIRS]
    least, most = (100 * of(seen) / published.paper["images_seen"] for of in (min, max))
    return f"{least:.1f}% to {most:.1f}%"


@section
def images_seen(published: Published) -> str:
    seen = [model["images_seen"] for model in published.models.values()]
    return f"{min(seen):,} to {max(seen):,}"

"""The paper's figures beside ours: the summary, the six tables, and which sampler is best."""
from __future__ import annotations

from colddiff_nb.evaluation import fid_protocol
from studies.fid import bfloat16, fid_margin
from studies.published import METHODS, PAIRS, Published, Row
from studies.tables import (
    FROM,
    MISSING,
    SCORES,
    cases,
    least_to_most,
    number,
    printed_score,
    section,
    table,
    titled,
    verdict,
)

PAPER_METHODS = {"degraded": "degraded", "direct": "direct", "algorithm2": "sampled"}
BOTH = ("direct", "algorithm2")  # what the paper prints of restorations
SAMPLED = ("direct", "algorithm1", "algorithm2")


def compare(row: Row | None, printed: float, metric: str, fid_gap: float) -> str:
    """better, worse or tie; empty without a row.

    A tie is not further from the printed figure than half the interval and half its last digit, or for FID than
    the share `fid_gap` of it.
    """
    key, _, sign = SCORES[metric]
    if row is None or (ours := row.number(key)) is None:
        return ""
    near = fid_gap * printed + 0.005 if metric == "FID" else row.half_interval(key) + 0.0005
    return "tie" if abs(ours - printed) <= near else "better" if sign * (ours - printed) > 0 else "worse"


def outcome(published: Published, pair: str, variant: str, method: str, metric: str) -> str:
    """`compare` of the row from float32, with °: better or a tie, but from 8 bits less than that, or not scored."""
    printed, key = published.paper["pairs"][pair][PAPER_METHODS[method]][metric], SCORES[metric][0]
    exact, rounded = (published.best(pair, method, precision, variant, key) for precision in FROM)
    result, from_8_bits = (compare(row, printed, metric, fid_margin(published)) for row in (exact, rounded))
    less = {"better": ("tie", "worse", ""), "tie": ("worse", "")}.get(result, ())
    return f"{result}°" if from_8_bits in less else result


@section
def summary(published: Published) -> str:
    rows = []
    for pair, variant, _ in cases(published):
        shown = []
        for metric, (key, digits, _) in SCORES.items():
            for method in BOTH:
                row = published.best(pair, method, variant=variant, metric=key)
                theirs = published.paper["pairs"][pair][PAPER_METHODS[method]]
                result, value = outcome(published, pair, variant, method, metric), number(row, key, digits - (metric != "FID"))
                ours = (f"**{value}**" if result.startswith("better") else value) + "°" * result.endswith("°")
                shown.append(f"{ours} / {printed_score(theirs, metric)}")
        rows.append((titled(pair, variant), published.share(pair), *shown))
    return table(" | ".join(["pair", "budget", *(f"{metric}, {METHODS[method]}" for metric in SCORES for method in BOTH)]), rows)


@section
def paper(published: Published) -> str:
    parts = []
    for pair, variant, _ in cases(published):
        printed, rows = published.paper["pairs"][pair], []
        for method in ("degraded", "lmmse", *BOTH):
            theirs = printed.get(PAPER_METHODS.get(method, ""), {})
            for metric, (key, digits, _) in SCORES.items():
                row, rounded = (published.best(pair, method, precision, variant, key) for precision in FROM)
                if not theirs and not row:
                    continue
                gap = "–"
                if theirs and row:
                    gap = f"{row.cell[key] - theirs[metric]:+.{digits - (metric != 'FID')}f}"
                    gap += f" ({outcome(published, pair, variant, method, metric)})" if method != "degraded" else ""
                shares = dict.fromkeys(published.share(found.folder) for found in (row, rounded) if found)
                taken = f", {fid_protocol(row.cell)}" if row and key == "fid" else ""
                rows.append((METHODS[method], metric, printed_score(theirs, metric) if theirs else "–",
                             number(row, key, digits, True), gap, number(rounded, key, digits),
                             "; ".join(shares) or "–" if method in SAMPLED else "none needed",
                             row.images + taken if row else "–"))
        head = "method | metric | paper | ours | gap | ours, from 8 bits | budget | images"
        parts.append(f"### {titled(pair, variant)}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


@section
def paper_notes(published: Published) -> str:
    return "\n".join(f"({mark}) {text}  " for mark, text in published.paper["notes"].items())


@section
def misprint(published: Published) -> str:
    rows = {variant: published.best("deblur-mnist", "degraded", variant=variant)
            for variant in published.variants("deblur-mnist")}
    measured = ", ".join(f"{row.cell['ssim']:.4f} ({variant})" for variant, row in rows.items() if row)
    printed = published.paper["pairs"]["deblur-mnist"]["degraded"]
    return (f"**A misprint in the paper.** For degraded MNIST deblurring it prints an SSIM of {printed['SSIM']}, the same "
            f"digits as its RMSE ({printed['RMSE']}). Measured: {measured or MISSING}.")


@section
def budgets(published: Published) -> str:
    """The images that the models made for float32 saw, as a share of the paper's."""
    seen = [published.models[pair]["images_seen"] for pair in PAIRS if pair in published.models]
    return least_to_most([images / published.paper["images_seen"] for images in seen], "{:.1%}")


@section
def worse_than_input(published: Published) -> str:
    """The pairs whose restorations have more RMSE in the paper than its degraded images."""
    lines = []
    for pair, title in PAIRS.items():
        degraded, direct, sampled = (published.paper["pairs"][pair][method]["RMSE"] for method in PAPER_METHODS.values())
        if min(direct, sampled) > degraded:
            lines.append(f"- {title}: in the paper restored images have more RMSE ({direct:.3f}, sampled {sampled:.3f}) than "
                         f"the degraded ones ({degraded:.3f}): by RMSE they are worse than no restoration.")
    return "\n".join(lines)


def level(better: Row, other: Row, key: str, digits: int, precision: float) -> bool:
    """Whether a row is equal to a better one of the same images.

    As printed, or not further away than half the better one's interval, or (FID, where one of the two is by Inception
    in bfloat16) than the share `precision` of it.
    """
    value, theirs = better.cell[key], other.cell[key]
    low_precision = key == "fid" and (better.fid_in_bfloat16 or other.fid_in_bfloat16)
    near = precision * value if low_precision else better.half_interval(key)
    return abs(value - theirs) <= near or f"{value:.{digits}f}" == f"{theirs:.{digits}f}"


@section
def best(published: Published) -> str:
    """The paper has no Algorithm 1, so that its verdicts need the two others alone; the Frechet distance is ours."""
    rows, precision = [], bfloat16(published)
    for pair, variant, title in cases(published):
        printed = published.paper["pairs"][pair]
        for metric, (key, digits, sign) in (SCORES | {"Frechet": ("frechet", 1, -1)}).items():
            found = published.together(pair, variant, BOTH, key)
            naive = published.best(pair, "algorithm1", variant=variant, metric=key)
            if found and naive and naive.images == found["direct"].images:
                found.setdefault("algorithm1", naive)  # its FID by another precision than theirs: ≈ shows which
            present = [method for method in SAMPLED if method in found]
            order = sorted(present, key=lambda method: -sign * found[method].cell[key])
            winners = (METHODS[method] for method in present if level(found[order[0]], found[method], key, digits, precision))
            theirs, agree = "–", "–"
            if metric in SCORES:
                favourite = max(BOTH, key=lambda method: sign * printed[PAPER_METHODS[method]][metric])
                theirs = METHODS[favourite]
                if found:
                    first, second = (found[method] for method in order if method in BOTH)
                    tied = level(first, second, key, digits, precision)
                    agree = "tie" if tied else verdict(first.key[1] == favourite, *found.values())
            images = next(iter(found.values())).images.removesuffix(" †") if found else "–"
            rows.append((title, metric, *(number(found.get(method), key, digits) for method in SAMPLED),
                         ", ".join(winners) or MISSING, theirs, agree, images))
    return table("pair | metric | direct | Algorithm 1 | Algorithm 2 | best here | paper | agree | images", rows)

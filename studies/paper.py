"""The paper's figures beside ours: the summary, a table for each pair, and which sampler is best."""
from __future__ import annotations

from colddiff_nb.metrics.evaluation import fid_protocol
from studies.fid import bfloat16, fid_margin
from studies.published import METHODS, PAIRS, Published, Row
from studies.tables import (
    FROM,
    MISSING,
    SCORES,
    bold,
    cases,
    compare,
    least_to_most,
    number,
    printed_score,
    section,
    table,
    titled,
)

PAPER_METHODS = {"degraded": "degraded", "direct": "direct", "algorithm2": "sampled"}
BOTH = ("direct", "algorithm2")  # what the paper prints of restorations
SAMPLED = ("direct", "algorithm1", "algorithm2")


def against_paper(published: Published, row: Row | None, metric: str) -> str:
    """The verdict on a score beside the paper's; "–" where one of the two is missing.

    A tie is not further from the printed figure than half the interval and half its last digit, or for FID
    than `fid_margin`, a share of it.
    """
    key, _, sign = SCORES[metric]
    if row is None or row.number(key) is None or row.key[1] not in BOTH:
        return "–"
    printed = published.paper["pairs"][row.pair][PAPER_METHODS[row.key[1]]][metric]
    near = fid_margin(published) * printed + 0.005 if metric == "FID" else row.half_interval(key) + 0.0005
    return compare(row.cell[key], printed, near, sign)


@section
def summary(published: Published) -> str:
    """Ours from float32 and from 8 bits beside the paper's, a line for each pair."""
    rows = []
    for pair, variant, _ in cases(published):
        shown = []
        for metric, (key, digits, _) in SCORES.items():
            for method in BOTH:
                ours = []
                for precision in FROM:
                    row = published.best(pair, method, precision, variant, key)
                    text = number(row, key, digits - (metric != "FID"))
                    ours.append(bold(text, against_paper(published, row, metric) == "better"))
                theirs = printed_score(published.paper["pairs"][pair][PAPER_METHODS[method]], metric)
                shown.append(f"{', '.join(ours)} / {theirs}")
        rows.append((titled(pair, variant), published.share(pair), *shown))
    head = (f"{metric}, {METHODS[method]}" for metric in SCORES for method in BOTH)
    return table(" | ".join(["pair", "budget", *(name.replace(", ", " of ") for name in head)]), rows)


@section
def paper(published: Published) -> str:
    parts = []
    for pair, variant, _ in cases(published):
        printed, rows = published.paper["pairs"][pair], []
        for method in ("degraded", "lmmse", *BOTH):
            theirs = printed.get(PAPER_METHODS.get(method, ""), {})
            for metric, (key, digits, _) in SCORES.items():
                ours = [published.best(pair, method, precision, variant, key) for precision in FROM]
                if not theirs and not ours[0]:
                    continue
                shown = [text for row in ours for text in
                         (number(row, key, digits, True), against_paper(published, row, metric))]
                shares = dict.fromkeys(published.share(row.folder) for row in ours if row)
                taken = f", {fid_protocol(ours[0].cell)}" if ours[0] and key == "fid" else ""
                rows.append((METHODS[method], metric, printed_score(theirs, metric) if theirs else "–",
                             *shown,
                             "; ".join(shares) or "–" if method in SAMPLED else "none needed",
                             ours[0].images + taken if ours[0] else "–"))
        head = "method | metric | paper | ours from float32 | it is | from 8 bits | it is | budget | images"
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
    return ("**A misprint in the paper.** For degraded MNIST deblurring it prints an SSIM of "
            f"{printed['SSIM']}, the same digits as its RMSE ({printed['RMSE']}). Measured: "
            f"{measured or MISSING}.")


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
        printed = published.paper["pairs"][pair]
        degraded, direct, sampled = (printed[method]["RMSE"] for method in PAPER_METHODS.values())
        if min(direct, sampled) > degraded:
            lines.append(f"- {title}: in the paper restored images have more RMSE ({direct:.3f}, sampled "
                         f"{sampled:.3f}) than the degraded ones ({degraded:.3f}): by RMSE they are worse "
                         "than no restoration.")
    return "\n".join(lines)


def among_ours(published: Published, row: Row, other: Row, metric: str) -> str:
    """The verdict on a score beside another of ours on the same images.

    A tie is as printed, or not further away than half the other's interval, or for FID where Inception ran in
    bfloat16 than what that changed at most.
    """
    key, digits, sign = METRICS[metric]
    theirs, near = other.cell[key], other.half_interval(key)
    if key == "fid" and (row.fid_in_bfloat16 or other.fid_in_bfloat16):
        near = bfloat16(published) * theirs
    return compare(row.cell[key], theirs, max(near, 0.5 * 10 ** -digits), sign)


METRICS = SCORES | {"Frechet": ("frechet", 1, -1)}


@section
def best(published: Published) -> str:
    """Our samplers from float32: bold is the best and what ties with it. The paper has no Algorithm 1."""
    rows = []
    for pair, variant, title in cases(published):
        printed = published.paper["pairs"][pair]
        for metric, (key, digits, sign) in METRICS.items():
            found = published.together(pair, variant, BOTH, key)
            here = among_ours(published, found["algorithm2"], found["direct"], metric) if found else "–"
            naive = published.best(pair, "algorithm1", variant=variant, metric=key)
            if found and naive and naive.images == found["direct"].images:
                found.setdefault("algorithm1", naive)  # its FID may be by another precision than theirs
            winner = max(found.values(), key=lambda row: sign * row.cell[key], default=None)
            shown = (bold(number(row, key, digits), among_ours(published, row, winner, metric) == "tie")
                     if winner and (row := found.get(method)) else MISSING for method in SAMPLED)
            direct, sampled = (printed[method].get(metric) for method in ("direct", "sampled"))
            theirs = "–" if metric == "Frechet" else compare(sampled, direct, 0, sign)
            rows.append((title, metric, *shown, here, theirs))
    return table("pair | metric | direct | Algorithm 1 | Algorithm 2 | Algorithm 2 beside direct | "
                 "in the paper", rows)

"""How far an FID can be trusted: beside the paper's on degraded images, and what rounding, Inception's precision and the resize do to it."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from result_rows import METHODS, PAIRS, Published, Row
from result_tables import MISSING, markdown, number, printed_score, titled

HALF_PIXEL, TENSORFLOW = "inception-2015, half-pixel bilinear", "inception-2015, TensorFlow 1 bilinear"
UNROUNDED = f"{HALF_PIXEL}, unrounded"


def rounding(published: Published) -> list[tuple[dict[str, Any], float, float]]:
    """(row, FID of images as they are, what rounding them to 8 bits adds to it) of every case of fid.json (see measure_fid.py)."""
    rows = (published.read("fid.json") or {"rows": []})["rows"]
    places: dict[Any, dict[str, dict[str, Any]]] = {}
    for row in rows:
        places.setdefault((row["pair"], row["variant"], row["method"]), {})[row["inception"]] = row
    exact, rounded = f"{UNROUNDED}, bfloat16", f"{HALF_PIXEL}, bfloat16"
    both = (found for found in places.values() if {exact, rounded} <= set(found))
    return [(found[exact], found[exact]["fid"], found[rounded]["fid"] - found[exact]["fid"]) for found in both]


def fid_margin(published: Published) -> float:
    """The share within which an FID of a restoration says nothing against the paper's: the largest gap of degraded images scored as the
    paper's are (figures quoted from memory left out), what rounding changes on restorations, what bfloat16 does, and half an interval."""
    gaps = [0.0]
    for pair in PAIRS:
        theirs = published.paper["pairs"][pair]["degraded"]
        row = published.best(pair, "degraded", metric="fid")
        if row and not row.fid_rounded and "FID" not in theirs.get("notes", {}):
            gaps.append(abs(row.cell["fid"] / theirs["FID"] - 1))
    changes = [share for row, _, change in rounding(published) if row["method"] == "direct" and (share := of_the_split(published, row, change))]
    return max(gaps) + max(map(abs, changes), default=0.0) + bfloat16(published) + max(intervals(published), default=0.0)


def intervals(published: Published) -> list[float]:
    """Half the interval over images of every FID that has one, as a share of it."""
    found = [(row.cell["fid"], *row.cell["fid_interval"]) for row in published.every_row if "fid_interval" in row.cell]
    return [(high - low) / 2 / value for value, low, high in found]


def fid_intervals(published: Published) -> str:
    """The least and the largest of `intervals`."""
    found = [100 * share for share in intervals(published)]
    return f"{min(found):.1f} to {max(found):.1f} % of it" if found else MISSING


def of_the_split(published: Published, row: dict[str, Any], change: float) -> float | None:
    """A change of FID as a share of that of the full test split: unlike FID itself it hardly depends on the number of images."""
    whole = published.best(row["pair"], row["method"], variant=row["variant"], metric="fid")
    return change / whole.cell["fid"] if whole else None


def fid_protocol_gaps(published: Published) -> str:
    """Our FID of the degraded images beside the paper's, as they are and rounded to 8 bits."""
    rows = []
    for pair in PAIRS:
        theirs = published.paper["pairs"][pair]["degraded"]
        for variant in published.variants(pair):
            shown = []
            for rounded in (False, True):
                found = [row for row in published.every_row if row.pair == pair and row.key == (variant, "degraded", "float32") and row.full
                         and row.number("fid") is not None and row.fid_rounded == rounded]
                row = max(found, key=lambda row: row.fid_rank, default=None)
                shown += [number(row, "fid", 2), f"{100 * (row.cell['fid'] / theirs['FID'] - 1):+.1f} %" if row else "–"]
            rows.append((titled(pair, variant), printed_score(theirs, "FID"), *shown))
    return markdown("degraded images | FID, paper | ours | gap | rounded to 8 bits | gap", rows)


def fid_tie(published: Published) -> str:
    return f"{100 * fid_margin(published):.1f} %"


def fid_rounding(published: Published) -> str:
    """What rounding images to 8 bits does to their FID."""
    rows = []
    for row, exact, change in rounding(published):
        share = of_the_split(published, row, change)
        rows.append((titled(row["pair"], row["variant"]), METHODS[row["method"]], f"{exact:.2f}", f"{change:+.2f}",
                     "–" if share is None else f"{100 * share:+.1f} %"))
    if not rows:
        return "Not run yet: `python -m tools.measure_fid`."
    return (f"Of {published.read('fid.json')['n']:,} test images of each data set (so few that FID is biased upward):\n\n"
            + markdown("pair | method | FID, as they are | what rounding to 8 bits adds | as a share of the full split's FID", rows))


def in_both_precisions(published: Published) -> list[tuple[Row, Row]]:
    """Rows of the same restorations by Inception in float32 and in bfloat16."""
    places: dict[Any, dict[bool, Row]] = {}
    for row in published.every_row:
        if row.number("fid") is not None:
            places.setdefault((row.folder, *row.key, row.images, row.fid_rounded), {})[row.fid_in_bfloat16] = row
    return [(found[False], found[True]) for found in places.values() if len(found) == 2]


def bfloat16(published: Published) -> float:
    """The share within which two FIDs are equal where one is by Inception in bfloat16: what that changed at most."""
    return max((abs(fast.cell["fid"] / exact.cell["fid"] - 1) for exact, fast in in_both_precisions(published)), default=0.01)


def fid_bfloat16(published: Published) -> str:
    return f"{100 * bfloat16(published):.1f} %"


def fid_precision(published: Published) -> str:
    """What Inception in bfloat16 changes, where the same restorations were scored in both."""
    return markdown("pair | method | images | FID, float32 | FID, bfloat16 | difference", (
        (titled(exact.pair, exact.key[0]), METHODS[exact.key[1]], exact.images, f"{exact.cell['fid']:.3f}", f"{fast.cell['fid']:.3f}",
         f"{100 * (fast.cell['fid'] / exact.cell['fid'] - 1):+.1f} %") for exact, fast in in_both_precisions(published)))


def fid_control(published: Published) -> str:
    """FID of the same blurred images, rounded to 8 bits, by each precision and resize (see measure_fid.py)."""
    rows = (published.read("fid.json") or {"rows": []})["rows"]
    found = {row["inception"]: row["fid"] for row in rows if (row["pair"], row["method"]) == ("deblur-cifar10", "degraded")}
    names = {HALF_PIXEL: "half-pixel bilinear | float32", f"{HALF_PIXEL}, bfloat16": "half-pixel bilinear | bfloat16",
             f"{TENSORFLOW}, bfloat16": "TensorFlow 1 bilinear | bfloat16"}
    if not set(names) <= set(found):
        return "Not run yet: `python -m tools.measure_fid`."
    return markdown("resize | precision | FID | difference", (
        (name, f"{found[inception]:.2f}", f"{100 * (found[inception] / found[HALF_PIXEL] - 1):+.1f} %") for inception, name in names.items()))


SECTIONS: dict[str, Callable[[Published], str]] = {
    "fid_tie": fid_tie, "fid_intervals": fid_intervals, "fid_protocol_gaps": fid_protocol_gaps, "fid_rounding": fid_rounding,
    "fid_precision": fid_precision, "fid_bfloat16": fid_bfloat16, "fid_control": fid_control}

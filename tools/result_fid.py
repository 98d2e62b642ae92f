"""How far an FID can be trusted: beside the paper's on degraded images, and what Inception's precision and the resize do to it."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from result_rows import METHODS, PAIRS, Published, Row
from result_tables import markdown, number, printed_score

BFLOAT16 = 0.01  # share within which two of our FIDs by Inception in bfloat16 are equal: in the cases scored in both it moved them so far


def protocol_gap(published: Published) -> float:
    """The largest share by which our FID of degraded images, which need no network, is off the paper's: no smaller difference says
    anything. Of several severities the nearest counts; figures quoted from memory do not."""
    gaps = [0.0]
    for pair in PAIRS:
        theirs = published.paper["pairs"][pair]["degraded"]
        rows = [row for variant in published.variants(pair) if (row := published.best(pair, "degraded", variant=variant, metric="fid"))]
        if rows and "FID" not in theirs.get("notes", {}):
            gaps.append(min(abs(row.cell["fid"] / theirs["FID"] - 1) for row in rows))
    return max(gaps)


def fid_protocol_gaps(published: Published) -> str:
    """Our FID of the degraded images beside the paper's."""
    rows = []
    for pair, title in PAIRS.items():
        theirs = published.paper["pairs"][pair]["degraded"]
        for variant in published.variants(pair):
            row = published.best(pair, "degraded", variant=variant, metric="fid")
            gap = f"{100 * (row.cell['fid'] / theirs['FID'] - 1):+.1f} %" if row else "–"
            rows.append((f"{title}, {variant}", printed_score(theirs, "FID"), number(row, "fid", 2), gap))
    return markdown("degraded images | FID, paper | FID, ours | gap", rows)


def fid_tie(published: Published) -> str:
    return f"{100 * protocol_gap(published):.0f} %"


def fid_precision(published: Published) -> str:
    """What Inception in bfloat16 changes, where the same restorations were scored in both."""
    places: dict[Any, dict[int, Row]] = {}
    for row in published.every_row:
        if row.fid_rank:
            places.setdefault((row.folder, *row.key, row.images), {})[row.fid_rank] = row
    pairs = [(found[2], found[1]) for found in places.values() if set(found) == {1, 2}]
    return markdown("pair | method | images | FID, float32 | FID, bfloat16 | difference", (
        (f"{PAIRS[exact.pair]}, {exact.key[0]}", METHODS[exact.key[1]], exact.images, f"{exact.cell['fid']:.3f}", f"{fast.cell['fid']:.3f}",
         f"{100 * (fast.cell['fid'] / exact.cell['fid'] - 1):+.1f} %") for exact, fast in pairs))


def fid_control(published: Published) -> str:
    """FID of the same degraded images by each precision and resize (see measure_fid.py)."""
    record = published.read("fid.json")
    if not record:
        return "Not run yet: `python -m tools.measure_fid`."
    rows = [(row["resize"], row["precision"], f"{row['fid']:.2f}", f"{100 * (row['fid'] / record['rows'][0]['fid'] - 1):+.1f} %")
            for row in record["rows"]]
    return (f"And of {record['n']:,} blurred {record['data']['name']} images, which no network has touched (so few that FID is biased upward):\n\n"
            + markdown("resize | precision | FID | difference", rows))


SECTIONS: dict[str, Callable[[Published], str]] = {
    "fid_tie": fid_tie, "fid_protocol_gaps": fid_protocol_gaps, "fid_precision": fid_precision, "fid_control": fid_control}

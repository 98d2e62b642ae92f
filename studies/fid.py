"""How FID depends on Inception's precision, on the resize to 299 x 299, and on rounding to 8 bits.

Of degraded images, which no network has touched, and of restored ones. A quarter of an hour of one CPU core.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.data import load
from colddiff_nb.degradations import TASKS, make
from colddiff_nb.metrics import RESIZES, Inception, frechet_distance
from colddiff_nb.sampling import direct
from colddiff_nb.weights import load_pretrained
from studies.published import METHODS, PAIRS, Published, Row
from studies.study import DATASETS, Fields, Study
from studies.tables import change, least_to_most, number, printed_score, section, section_of, table, titled

HALF_PIXEL, TENSORFLOW = "inception-2015, half-pixel bilinear", "inception-2015, TensorFlow 1 bilinear"
EXACT, ROUNDED = f"{HALF_PIXEL}, unrounded, bfloat16", f"{HALF_PIXEL}, bfloat16"  # of all cases
INCEPTIONS: dict[str, dict[str, Any]] = {
    ROUNDED: {"dtype": torch.bfloat16, "rounded": True}, EXACT: {"dtype": torch.bfloat16},
    HALF_PIXEL: {"rounded": True},
    f"{TENSORFLOW}, bfloat16": {"resize": RESIZES[1], "dtype": torch.bfloat16, "rounded": True}}
CONTROL = {"pair": "deblur-cifar10", "variant": "T = 50", "method": "degraded"}  # by all Inceptions


@dataclass
class Fid(Study):
    n: int = 500  # test images of each data set, spread over the split

    file = "fid.json"

    def header(self) -> Fields:
        return {"data": [load(dataset, "test", self.data).provenance for dataset in DATASETS], "n": self.n}

    def cases(self) -> Iterator[Fields]:
        blurred = [{"pair": "deblur-mnist", "variant": f"T = {T}", "method": "degraded"} for T in (20, 40)]
        severities = {(task, dataset): make(task, dataset).T for dataset in DATASETS for task in TASKS}
        severities["deblur", "mnist"] = 20
        restored = [{"pair": f"{task}-{dataset}", "variant": f"T = {T}", "method": "direct"}
                    for (task, dataset), T in severities.items()]
        for inception in INCEPTIONS:
            for case in [*blurred, CONTROL, *restored] if inception in (EXACT, ROUNDED) else [CONTROL]:
                yield case | {"inception": inception}

    def measure(self, pair: str, variant: str, method: str, inception: str) -> Iterator[Fields]:
        task, dataset = pair.split("-")
        x0 = self.spread(dataset, "test", self.n)[1]
        degrade = make(task, dataset, T=int(variant.removeprefix("T = ")))
        drawn = degrade.draw(self.n, torch.Generator().manual_seed(0))
        x_T = drawn(x0, degrade.T)
        images = x_T if method == "degraded" else direct(load_pretrained(task, dataset)[0], drawn, x_T)
        originals, features = features_of(inception, x0), features_of(inception, images.clamp(-1, 1))
        yield {"pair": pair, "variant": variant, "method": method, "inception": inception,
               "fid": frechet_distance(originals, features)}


@cache
def network(inception: str) -> Inception:
    return Inception(**INCEPTIONS[inception])


def features_of(inception: str, images: Tensor) -> Tensor:
    return network(inception)(images)


def rounding(published: Published) -> list[tuple[Fields, float, float]]:
    """(row, FID of images as they are, what rounding them to 8 bits adds to it) of every case of fid.json."""
    places: dict[Any, dict[str, Fields]] = {}
    for row in (published.read("fid.json") or {"rows": []})["rows"]:
        places.setdefault((row["pair"], row["variant"], row["method"]), {})[row["inception"]] = row
    return [(found[EXACT], found[EXACT]["fid"], found[ROUNDED]["fid"] - found[EXACT]["fid"])
            for found in places.values() if {EXACT, ROUNDED} <= set(found)]


def of_the_split(published: Published, row: Fields, change: float) -> float | None:
    """A change of FID as a share of the full split's FID: it hardly depends on the number of images."""
    whole = published.best(row["pair"], row["method"], variant=row["variant"], metric="fid")
    return change / whole.cell["fid"] if whole else None


def intervals(published: Published) -> list[float]:
    """Half the interval over images of every FID that has one, as a share of it."""
    rows = [row for row in published.every_row if "fid_interval" in row.cell]
    return [row.half_interval("fid") / row.cell["fid"] for row in rows]


def in_both_precisions(published: Published) -> list[tuple[Row, Row]]:
    """Rows of the same restorations by Inception in float32 and in bfloat16."""
    places: dict[Any, dict[bool, Row]] = {}
    for row in published.every_row:
        if row.number("fid") is not None:
            place = row.folder, *row.key, row.images, row.fid_rounded
            places.setdefault(place, {})[row.fid_in_bfloat16] = row
    return [(found[False], found[True]) for found in places.values() if len(found) == 2]


def bfloat16(published: Published) -> float:
    """The share within which two FIDs are equal where one is in bfloat16: what that changed at most."""
    both = in_both_precisions(published)
    return max((abs(fast.cell["fid"] / exact.cell["fid"] - 1) for exact, fast in both), default=0.01)


def fid_margin(published: Published) -> float:
    """The share within which an FID of a restoration says nothing against the paper's.

    The sum of the largest gap of degraded images scored as the paper's are (figures quoted from memory left
    out), what rounding changes on restorations, what bfloat16 does, and half an interval.
    """
    gaps = [0.0]
    for pair in PAIRS:
        theirs = published.paper["pairs"][pair]["degraded"]
        row = published.best(pair, "degraded", metric="fid")
        if row and not row.fid_rounded and "FID" not in theirs.get("notes", {}):
            gaps.append(abs(row.cell["fid"] / theirs["FID"] - 1))
    changes = [abs(of_the_split(published, row, change) or 0.0)
               for row, _, change in rounding(published) if row["method"] == "direct"]
    return max(gaps) + max(changes,
                           default=0.0) + bfloat16(published) + max(intervals(published), default=0.0)


@section
def fid_tie(published: Published) -> str:
    return f"{100 * fid_margin(published):.1f} %"


@section
def fid_bfloat16(published: Published) -> str:
    return f"{100 * bfloat16(published):.1f} %"


@section
def fid_intervals(published: Published) -> str:
    found = least_to_most([100 * share for share in intervals(published)], "{:.1f}")
    return f"{found} % of it" if " to " in found else found


@section
def fid_protocol_gaps(published: Published) -> str:
    """Our FID of the degraded images beside the paper's, as they are and rounded to 8 bits."""
    rows = []
    for pair in PAIRS:
        theirs = published.paper["pairs"][pair]["degraded"]
        for variant in published.variants(pair):
            shown = []
            for rounded in (False, True):
                wanted = pair, (variant, "degraded", "float32"), True, rounded
                found = [row for row in published.every_row if row.number("fid") is not None
                         and (row.pair, row.key, row.full, row.fid_rounded) == wanted]
                row = max(found, key=lambda row: row.fid_rank, default=None)
                shown += [number(row, "fid", 2), change(row.cell["fid"], theirs["FID"]) if row else "–"]
            rows.append((titled(pair, variant), printed_score(theirs, "FID"), *shown))
    return table("degraded images | FID, paper | ours | gap | rounded to 8 bits | gap", rows)


@section_of("fid.json")
def fid_rounding(record: Fields, published: Published) -> str:
    """What rounding images to 8 bits does to their FID."""
    rows = []
    for row, exact, added in rounding(published):
        share = of_the_split(published, row, added)
        rows.append((titled(row["pair"], row["variant"]), METHODS[row["method"]], f"{exact:.2f}",
                     f"{added:+.2f}",
                     "–" if share is None else f"{100 * share:+.1f} %"))
    return "\n\n".join([
        f"Of {record['n']:,} test images of each data set (so few that FID is biased upward):",
        table("pair | method | FID, as they are | what rounding to 8 bits adds | "
              "as a share of the full split's FID", rows)])


@section
def fid_precision(published: Published) -> str:
    """What Inception in bfloat16 changes, where the same restorations were scored in both."""
    return table("pair | method | images | FID, float32 | FID, bfloat16 | difference", (
        (titled(exact.pair, exact.key[0]), METHODS[exact.key[1]], exact.images, f"{exact.cell['fid']:.3f}",
         f"{fast.cell['fid']:.3f}", change(fast.cell["fid"], exact.cell["fid"]))
        for exact, fast in in_both_precisions(published)))


@section_of("fid.json")
def fid_control(record: Fields, published: Published) -> str:
    """FID of the same blurred images, rounded to 8 bits, by each precision and resize."""
    found = {row["inception"]: row["fid"] for row in record["rows"] if row | CONTROL == row}
    names = {HALF_PIXEL: ("half-pixel bilinear", "float32"), ROUNDED: ("half-pixel bilinear", "bfloat16"),
             f"{TENSORFLOW}, bfloat16": ("TensorFlow 1 bilinear", "bfloat16")}
    rows = ((*name, f"{found[key]:.2f}", change(found[key], found[HALF_PIXEL]))
            for key, name in names.items() if key in found)
    return table("resize | precision | FID | difference", rows)

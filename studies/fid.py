"""How FID depends on Inception's precision, on the resize to 299 x 299, and on rounding to 8 bits.

Of degraded images, which no network has touched, and of restored ones. A quarter of an hour of one CPU core.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pandas as pd
import torch

from colddiff_nb import direct, load, load_pretrained, make
from colddiff_nb.degradations import TASKS
from colddiff_nb.metrics import RESIZES, Inception, frechet_distance
from studies.published import METHODS, Published
from studies.study import DATASETS, Fields, Study, fixed, severities
from studies.tables import section, table, titled

HALF_PIXEL, TENSORFLOW = "inception-2015, half-pixel bilinear", "inception-2015, TensorFlow 1 bilinear"
EXACT, ROUNDED = f"{HALF_PIXEL}, unrounded, bfloat16", f"{HALF_PIXEL}, bfloat16"  # of all cases
INCEPTIONS: dict[str, Fields] = {
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
        every = [{"pair": "deblur-mnist", "variant": f"T = {T}", "method": "degraded"} for T in (20, 40)]
        every += [CONTROL, *({"pair": f"{task}-{dataset}", "variant": f"T = {severities(task, dataset)[0]}",
                              "method": "direct"} for dataset in DATASETS for task in TASKS)]
        for inception in INCEPTIONS:
            for case in every if inception in (EXACT, ROUNDED) else [CONTROL]:
                yield case | {"inception": inception}

    def measure(self, pair: str, variant: str, method: str, inception: str) -> Iterator[Fields]:
        task, dataset = pair.split("-")
        x0 = self.spread(dataset, "test", self.n)
        drawn = fixed(make(task, dataset, T=int(variant.removeprefix("T = "))), self.n)
        x_T = drawn(x0, drawn.T)
        images = x_T if method == "degraded" else direct(load_pretrained(task, dataset)[0], drawn, x_T)
        features_of = network(inception)
        yield {"fid": frechet_distance(features_of(x0), features_of(images.clamp(-1, 1)))}


@cache
def network(inception: str) -> Inception:
    return Inception(**INCEPTIONS[inception])


def measured(published: Published) -> pd.DataFrame:
    """FID of each (pair, variant, method) by each Inception."""
    rows = pd.DataFrame(published.read("fid.json")["rows"])
    by = rows.set_index(["pair", "variant", "method", "inception"])["fid"].unstack(sort=False)
    return by.assign(rounding=by[ROUNDED] - by[EXACT])


@section
def fid_rounding(published: Published) -> str:
    """What rounding images to 8 bits does to their FID, also as a share of the full split's."""
    lines = []
    for (pair, variant, method), fids in measured(published).iterrows():
        whole = published.best(pair, method, variant=variant, metric="fid")
        lines.append({
            "pair": titled(pair, variant), "method": METHODS[method],
            "FID, as they are": f"{fids[EXACT]:.2f}",
            "what rounding to 8 bits adds": f"{fids['rounding']:+.2f}",
            "as a share of the full split's FID":
            f"{100 * fids['rounding'] / whole['fid']:+.1f} %" if whole else "–"})
    return table(lines)

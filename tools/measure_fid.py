"""How FID depends on how it is taken: on Inception's precision, on the resize to 299 x 299, and on rounding images to 8 bits first.
Of degraded images, which no network has touched, and of restored ones: results/fid.json.

    python -m tools.measure_fid --data ROOT     # a quarter of an hour of one CPU core
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.data import Images, load, to_float
from colddiff_nb.degradations import TASKS, make
from colddiff_nb.metrics import frechet_distance
from colddiff_nb.metrics.scores import RESIZES, Inception
from colddiff_nb.sampling import direct
from colddiff_nb.weights import load_pretrained
from colddiff_nb.weights.pretrained import RESULTS

Case = tuple[str, str, "int | None", str]  # task, data set, T (None: the network's own), method
CONTROL: Case = ("deblur", "cifar10", None, "degraded")
CASES: tuple[Case, ...] = (("deblur", "mnist", 20, "degraded"), ("deblur", "mnist", 40, "degraded"), CONTROL,
                           *((task, dataset, 20 if (task, dataset) == ("deblur", "mnist") else None, "direct")
                             for dataset in ("mnist", "cifar10") for task in TASKS))
ROUNDING: tuple[dict[str, Any], ...] = ({"dtype": torch.bfloat16, "rounded": True}, {"dtype": torch.bfloat16})  # of all cases
OTHERS: tuple[dict[str, Any], ...] = ({"rounded": True}, {"resize": RESIZES[1], "dtype": torch.bfloat16, "rounded": True})  # of CONTROL


def made(case: Case, x0: Tensor) -> Tensor:
    """The degraded images of a case, or what direct reconstruction makes of them."""
    task, dataset, T, method = case
    degrade = make(task, dataset, T=T)
    drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
    x_T = drawn(x0, degrade.T)
    return (x_T if method == "degraded" else direct(load_pretrained(task, dataset)[0], drawn, x_T)).clamp(-1, 1)


def measure(cases: tuple[Case, ...], splits: dict[str, Images], n: int) -> list[dict[str, Any]]:
    """A row for every case and Inception: its FID on n images."""
    x0 = {dataset: to_float(images.pixels[images.spread(n)]) for dataset, images in splits.items()}
    scored, rows = {case: made(case, x0[case[1]]) for case in cases}, []
    for options in (*ROUNDING, *OTHERS):
        inception = Inception(**options)
        for dataset in x0:
            wanted = [case for case in cases if case[1] == dataset and (options in ROUNDING or case == CONTROL)]
            if not wanted:
                continue
            originals = inception(x0[dataset])
            for task, _, T, method in wanted:
                fid = frechet_distance(originals, inception(scored[task, dataset, T, method]))
                rows.append({"pair": f"{task}-{dataset}", "variant": f"T = {make(task, dataset, T=T).T}", "method": method,
                             "inception": inception.name, "fid": fid})
                print(*rows[-1].values(), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--n", type=int, default=500, help="test images of each data set, spread over the split")
    chosen = parser.parse_args()
    splits = {dataset: load(dataset, "test", chosen.data) for dataset in ("mnist", "cifar10")}
    record = {"data": [images.provenance for images in splits.values()], "n": chosen.n, "rows": measure(CASES, splits, chosen.n)}
    (RESULTS / "fid.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

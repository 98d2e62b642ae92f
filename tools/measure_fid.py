"""What Inception's precision and the resize to 299 x 299 do to FID: of blurred CIFAR-10 images, which no network has touched: results/fid.json.

    python -m tools.measure_fid --data ROOT     # some minutes of one CPU core
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from colddiff_nb.data import Images, load, to_float
from colddiff_nb.degradations import make
from colddiff_nb.metrics import RESIZES, Inception, frechet_distance
from colddiff_nb.pretrained import RESULTS

CASES = ((RESIZES[0], "float32"), (RESIZES[0], "bfloat16"), (RESIZES[1], "bfloat16"))


def measure(images: Images, n: int) -> dict[str, Any]:
    """The FID of n images, blurred, by each case; with what they are."""
    degrade = make("deblur", images.name)
    x0 = to_float(images.pixels[images.spread(n)])
    x_T, rows = degrade(x0, degrade.T).clamp(-1, 1), []
    for resize, precision in CASES:
        inception = Inception(resize, dtype=getattr(torch, precision))
        rows.append({"resize": resize, "precision": precision, "fid": frechet_distance(inception(x0), inception(x_T))})
        print(f"{inception.name}: {rows[-1]['fid']:.2f}", flush=True)
    return {"task": "deblur", "data": images.provenance, "n": n, "degradation": degrade.options, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds CIFAR-10")
    parser.add_argument("--n", type=int, default=1_000, help="test images, spread over the split")
    chosen = parser.parse_args()
    record = measure(load("cifar10", "test", chosen.data), chosen.n)
    (RESULTS / "fid.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What soft masks let through: how much of the erased pixels can be read off x_T without any network: results/leaks.json.

    python -m tools.measure_leaks --data ROOT     # the folder that holds MNIST and CIFAR-10; a minute

Hidden is a pixel that the mask leaves less than half a grey level of, so that 8 bits keep at most its sign: mid-grey lies between the
levels 127 and 128.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from colddiff_nb import metrics
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make, measure
from colddiff_nb.weights.pretrained import RESULTS

HALF_A_LEVEL = 1 / 255  # in [-1, 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--n", type=int, default=1_000, help="validation images")
    chosen = parser.parse_args()
    rows = []
    for dataset in ("mnist", "cifar10"):
        images = load(dataset, "validation", chosen.data)
        x0 = to_float(images.pixels[images.spread(chosen.n)])
        drawn = make("inpaint", dataset).draw(chosen.n, torch.Generator().manual_seed(0))
        mask, x_T = drawn(torch.ones_like(x0), drawn.T), drawn(x0, drawn.T)
        hidden = mask < HALF_A_LEVEL
        divided = torch.where(mask > 0, x_T / mask, 0)
        at_127 = measure(x_T, "8bit") < 0
        divided_8bit = torch.where(hidden, 0, measure(x_T, "8bit") / mask)
        rows.append({
            "dataset": dataset, "split": "validation", "n": chosen.n, "hidden": hidden.double().mean().item(),
            "hidden_recovered_float32": ((divided - x0).abs() < HALF_A_LEVEL)[hidden].double().mean().item(),
            "rmse_degraded_float32": metrics.rmse(x_T, x0), "rmse_degraded_8bit": metrics.rmse(measure(x_T, "8bit"), x0),
            "rmse_divided_float32": metrics.rmse(divided, x0),
            "rmse_divided_8bit": metrics.rmse(divided_8bit, x0),
            "hidden_negative": (x0 < 0)[hidden].double().mean().item(),
            "negative_at_127": at_127[hidden & (x0 < 0)].double().mean().item(),
            "at_127_negative": (x0 < 0)[hidden & at_127].double().mean().item(),
            "at_128_negative": (x0 < 0)[hidden & ~at_127].double().mean().item()})
        print(rows[-1], flush=True)
    (RESULTS / "leaks.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What T changes: Algorithm 2 with few and with many calls, from every quarter of the severities: results/steps.json.

    python tools/measure_steps.py --data ROOT     # the folder that holds MNIST and CIFAR-10; ten minutes on one CPU core

The shipped weights and the same validation images in all rows. Calls are spread at equal ratios from the start down to 1.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

import torch
from result_samplers import fewer

from colddiff_nb.data import load, to_float
from colddiff_nb.metrics import scores as metrics
from colddiff_nb.metrics.classifier import load_classifier
from colddiff_nb.sampling import algorithm2
from colddiff_nb.weights import load_pretrained
from colddiff_nb.weights.pretrained import RESULTS

PAIRS = (("deblur", "mnist"), ("deblur", "cifar10"), ("inpaint", "mnist"), ("inpaint", "cifar10"))  # pixelation has three severities
CALLS = (1, 2, 3, 5, 10, 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--n", type=int, default=500, help="validation images, spread over the split")
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for task, dataset in PAIRS:
        restore, degrade, metadata = load_pretrained(task, dataset)
        classifier = load_classifier(RESULTS / f"classifier-{dataset}" / "weights.safetensors")
        images = load(dataset, "validation", chosen.data)
        x0 = to_float(images.pixels[images.spread(chosen.n)])
        drawn, features = degrade.draw(chosen.n, torch.Generator().manual_seed(0)), classifier.features(x0)
        for start in sorted({degrade.T * quarter // 4 for quarter in range(1, 5)}, reverse=True):
            few = [fewer(start, calls) for calls in (CALLS if start == degrade.T else CALLS[:1])]
            for visited in [*few, list(range(start, 0, -1))]:
                restored = torch.cat([
                    algorithm2(restore, drawn[i:i + 100], drawn[i:i + 100](x0[i:i + 100], start), visited).clamp(-1, 1)
                    for i in range(0, chosen.n, 100)])
                low, high = metrics.bootstrap(metrics.squared_errors(restored, x0))
                rows.append({"task": task, "dataset": dataset, "start": start, "T": degrade.T, "visited": visited, "weights": metadata["checksum"],
                             "rmse": metrics.rmse(restored, x0), "rmse_interval": [low ** 0.5, high ** 0.5], "ssim": metrics.ssim(restored, x0),
                             "frechet": metrics.frechet_distance(features, classifier.features(restored))})
                print(f"{task} {dataset} from {start} in {len(visited)} calls: RMSE {rows[-1]['rmse']:.4f}", flush=True)
    (RESULTS / "steps.json").write_text(json.dumps({"split": "validation", "n": chosen.n, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

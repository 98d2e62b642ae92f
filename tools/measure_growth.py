"""How the error of the prediction grows along Algorithm 2, for every shipped model: results/growth.json.

    python -m tools.measure_growth --data ROOT        # some minutes on one CPU core
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from colddiff_nb import metrics
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import DrawnDegradation, make, measure
from colddiff_nb.sampling import Trajectory, algorithm1, algorithm2
from colddiff_nb.weights import load_model
from colddiff_nb.weights.pretrained import RESULTS


def half_way(network: nn.Module, degrade: DrawnDegradation, path: Trajectory, x0: Tensor) -> dict[str, float]:
    """The prediction at s = T/2 after one step from T, by Algorithm 2 and by Algorithm 1, which drops what x_T told and the first prediction
    did not: RMSE of both; and how far all steps have moved it from the first prediction."""
    T, first = path.severities[0], path.x0_hat[0]
    s = round(T / 2)

    def after_one_step(sampler: Callable) -> float:
        return metrics.rmse(sampler(network, degrade, path.x[0], T=[T, s], trajectory=True).x0_hat[1], x0)
    return {"severity": s, "moved": metrics.rmse(path.x0_hat[path.severities.index(s)], first),
            "one_step_algorithm2": after_one_step(algorithm2), "one_step_algorithm1": after_one_step(algorithm1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--n", type=int, default=200, help="validation images")
    chosen = parser.parse_args()
    rows = []
    for path in sorted(RESULTS.glob("*/weights.safetensors")):
        if path.parent.name.startswith("classifier"):
            continue
        network, trained, metadata = load_model(path)
        task, dataset = metadata["recipe"]["task"], metadata["recipe"]["dataset"]
        images = load(dataset, "validation", chosen.data)
        x0 = to_float(images.pixels[images.spread(chosen.n)])
        measurements = {"both": ("float32", "8bit")}.get(metadata["recipe"]["measurement_precision"], (metadata["recipe"]["measurement_precision"],))
        for T in (40, 20) if (task, dataset) == ("deblur", "mnist") else (trained.T,):
            drawn = make(task, dataset, T=T).draw(chosen.n, torch.Generator().manual_seed(0))
            for precision in measurements:
                path_taken = algorithm2(network, drawn, measure(drawn(x0, T), precision), trajectory=True)
                rmse = {s: metrics.rmse(x0_hat, x0) for s, x0_hat in zip(path_taken.severities, path_taken.x0_hat)}
                rows.append({"model": path.parent.name, "weights": metadata["checksum"], "T": T, "measurement_precision": precision,
                             "prediction_rmse": rmse, "result_rmse": metrics.rmse(path_taken.result, x0),
                             "half_way": half_way(network, drawn, path_taken, x0)})
                print(f"{path.parent.name}, T = {T}, {precision}: {rmse[T]:.4f} to {rows[-1]['result_rmse']:.4f}", flush=True)
    (RESULTS / "growth.json").write_text(json.dumps({"split": "validation", "n": chosen.n, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

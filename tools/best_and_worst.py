"""Pictures of the best and worst restorations of the shipped models, with the RMSE of direct: results/pictures/<task>-<dataset>.png.

    python -m tools.best_and_worst --data ROOT        # the folder that holds MNIST and CIFAR-10; a minute or two
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch

from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import TASKS, DrawnDegradation
from colddiff_nb.metrics import squared_errors
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import algorithm1, algorithm2, direct
from colddiff_nb.weights import load_pretrained
from colddiff_nb.weights.pretrained import RESULTS

IMAGES, SHOWN = 1_000, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST and CIFAR-10")
    root = parser.parse_args().data
    (RESULTS / "pictures").mkdir(exist_ok=True)
    for dataset in ("mnist", "cifar10"):
        images = load(dataset, "test", root)
        x0 = to_float(images.pixels[images.spread(IMAGES)])
        for task in TASKS:
            restore, degrade, _ = load_pretrained(task, dataset)
            drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
            x_T = drawn(x0, degrade.T)
            errors = squared_errors(direct(restore, drawn, x_T), x0).sqrt()
            order = errors.argsort()
            shown = torch.cat([order[:SHOWN], order[-SHOWN:]])
            columns = {"original": x0[shown], "degraded": x_T[shown]}
            for name, sampler in (("direct", direct), ("Algorithm 1", algorithm1), ("Algorithm 2", algorithm2)):
                columns[name] = sampler(restore, DrawnDegradation(degrade, drawn.randomness[shown]), x_T[shown])
            rows = [f"{kind}, {error:.3f}" for kind, error in zip(["best"] * SHOWN + ["worst"] * SHOWN, errors[shown])]
            grid(columns, rows=rows).save(RESULTS / "pictures" / f"{task}-{dataset}.png")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()

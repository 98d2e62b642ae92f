"""Several processes train like one: the same gradients, losses and checkpoint, and either may go on where the other stopped."""
import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch

PROGRAM = """if True:
    import sys, torch
    torch.set_num_threads(1)
    from colddiff_nb.data import load
    from colddiff_nb.recipes import recipe
    from colddiff_nb.training import train
    choice = recipe("smoke", "inpaint", "mnist5k", steps=8, batch=8, accumulate=2, widths=(8, 8, 8), evaluate_every=1, save_every=8,
                    sampler_states=0.5, precision="float32")
    for until in sys.argv[2:]:
        train(choice, sys.argv[1], images=load("mnist5k", "train"), until=int(until), log=lambda line: None)
"""


def run(processes, folder, *until):
    script = folder.parent / "train.py"
    script.write_text(PROGRAM)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)] if processes > 1 else []
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, *launcher, str(script), str(folder), *map(str, until)], check=True, timeout=300, env=environment)


def losses(folder):
    with open(folder / "curve.csv") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def first_moments(folder, step):
    """Adam's running mean of the gradients: after one step it is a tenth of the first gradient."""
    checkpoint = torch.load(folder / f"step-{step:08d}.pt", weights_only=True)
    return torch.cat([state["exp_avg"].flatten() for state in checkpoint["state"]["optimizer"]["state"].values()])


@pytest.mark.skipif(sys.platform != "linux", reason="gloo finds its own network interface on Linux only")
def test_two_processes_train_like_one_and_one_goes_on_where_two_stopped(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    run(1, one, 1, 5)
    run(2, two, 1, 5)
    expected = first_moments(one, 1)
    assert torch.allclose(first_moments(two, 1), expected, rtol=1e-5, atol=1e-6 * expected.abs().max())
    assert losses(two) == pytest.approx(losses(one), rel=1e-5) and len(losses(two)) == 5
    run(1, two, 8)
    run(2, one, 8)
    assert losses(two) == pytest.approx(losses(one), rel=1e-4) and len(losses(two)) == 8
    assert sorted(path.name for path in two.iterdir()) == ["curve.csv", "step-00000005.pt", "step-00000008.pt", "weights.safetensors"]

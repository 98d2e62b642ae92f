"""`accelerate launch -m colddiff_nb train` with two processes trains like one: the same gradients, losses and checkpoint; one process goes
on where two stopped, and two where one did."""
import csv
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from colddiff_nb.training import recipe, train

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
LAUNCH = (sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu", "--num_processes", "2")
CHOICE = {"T": 5, "steps": 8, "batch": 8, "accumulate": 2, "widths": (8, 8, 8), "evaluate_every": 1, "save_every": 8,
          "rollout": 0.5, "precision": "float32"}


def alone(folder, until):
    train(recipe("smoke", "inpaint", "mnist5k", **CHOICE), folder, until=until, log=lambda line: None)


def launched(folder, until, *options):
    """An `accelerate launch` of that training that has been started."""
    fields = [word for name, value in CHOICE.items()
              for word in (f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, tuple) else [value]))]
    command = [*LAUNCH, *options, "-m", "colddiff_nb", "train", "smoke", "--task", "inpaint", "--dataset", "mnist5k", *fields,
               "--run", str(folder), "--until", str(until)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HOME": str(folder.parent)}  # and no settings of the user's
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def on_two_machines(first, second, until):
    """One process on each of two machines, which this one plays both; each is told a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return [launched(folder, until, "--num_machines", "2", "--machine_rank", rank, "--main_process_ip", "127.0.0.1",
                     "--main_process_port", port) for folder, rank in ((first, "0"), (second, "1"))]


def output(launch):
    printed, _ = launch.communicate(timeout=900)
    assert launch.returncode == 0, printed
    return printed


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def losses(folder):
    with open(folder / "curve.csv") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def first_moments(folder):
    """Adam's running mean of the gradients: after one step it is a tenth of the first gradient."""
    checkpoint = torch.load(folder / "step-00000001.pt", weights_only=True)
    return torch.cat([state["exp_avg"].flatten() for state in checkpoint["state"]["optimizer"]["state"].values()])


ON_LINUX = pytest.mark.skipif(sys.platform != "linux" or torch.cuda.is_available(),
                              reason="on the CPU, where gloo finds its network on Linux only")


@ON_LINUX
def test_two_processes_train_like_one_and_either_goes_on_where_the_other_stopped(tmp_path):
    one, two, by_turns = tmp_path / "one", tmp_path / "two", tmp_path / "by turns"
    alone(one, 1)
    shutil.copytree(one, by_turns)
    printed = output(launched(two, 1, "--main_process_port", "0"))
    assert "2 processes share each batch" in printed and printed.count("step 1 ") == 1
    assert names(two) == ["curve.csv", "run.lock", "step-00000001.pt"]
    expected = first_moments(one)
    assert torch.allclose(first_moments(two), expected, rtol=1e-5, atol=1e-6 * expected.abs().max())

    alone(one, 5)
    machines = on_two_machines(by_turns, by_turns, until=5)
    assert "2 processes share each batch" in "".join(map(output, machines))
    assert losses(by_turns) == pytest.approx(losses(one), rel=1e-5) and len(losses(by_turns)) == 5

    alone(one, 8)
    alone(by_turns, 8)
    assert losses(by_turns) == pytest.approx(losses(one), rel=1e-4) and len(losses(by_turns)) == 8
    assert names(by_turns) == ["curve.csv", "run.lock", "step-00000005.pt", "step-00000008.pt", "weights.safetensors"]


@ON_LINUX
def test_processes_that_see_different_folders_stop_with_one_line_before_the_first_step(tmp_path):
    alone(tmp_path / "first", 1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    launches = on_two_machines(tmp_path / "first", tmp_path / "second", until=3)
    for launch in launches:
        printed, _ = launch.communicate(timeout=120)
        assert launch.returncode and "error: process 1 differs from process 0 (" in printed and "step: 0 there, 1 here)" in printed
        assert "Traceback" not in printed.split("error: process 1")[0]
    assert {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()} == before
    assert not (tmp_path / "second").exists()

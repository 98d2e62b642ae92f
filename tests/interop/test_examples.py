"""The scripts in examples/ train with two CPU processes, or with stand-ins for a cluster and for Modal."""
from __future__ import annotations

import os
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from colddiff_nb.training import recipe, train
from colddiff_nb.weights import load_model

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ENDED = ["curve.csv", "run.lock", "step-00000010.pt", "step-00000020.pt", "weights.safetensors"]
CHANGED = {"widths": (8, 8, 8), "precision": "float32", "steps": 100_000, "save_every": 100_000}
TINY = ["smoke", "--task", "superres", "--dataset", "mnist5k", "--widths", "8", "8", "8", "--precision", "float32"]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux" or torch.cuda.is_available(),
                              reason="two processes on the CPU: gloo finds its network on Linux only")

SRUN = """#!/bin/sh
# As SLURM's: runs the command once for each task, hands SIGTERM on, and exits with the largest status.
shift
tasks=""
for task in 0 1; do SLURM_PROCID=$task SLURM_LOCALID=$task "$@" & tasks="$tasks $!"; done
echo $tasks > "$SRUN_PIDS"
status=0
for task in $tasks; do wait $task || status=$?; done
exit $status
"""
SCONTROL = """#!/bin/sh
if [ "$1" = show ]; then echo 127.0.0.1; else echo "$@" >> "$SCONTROL_LOG"; fi
"""


def environment(folder: Path, **variables: str) -> dict[str, str]:
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(EXAMPLES.parent), "OMP_NUM_THREADS": "1", "HF_HOME": str(folder)} | variables


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_accelerate_is_asked_for_one_process_a_gpu(tmp_path):  # test_many_processes runs it
    (tmp_path / "accelerate").write_text("#!/bin/sh\necho $@\n")
    (tmp_path / "accelerate").chmod(0o755)
    said = [subprocess.run(["sh", EXAMPLES / "accelerate.sh", *more], env=environment(tmp_path, PROCESSES="2"), check=True,
                           capture_output=True, text=True).stdout.strip() for more in ([], TINY)]
    launch = "launch --multi_gpu --num_processes 2 --main_process_port 0 -m colddiff_nb train"
    assert said == [f"{launch} paper --task deblur --dataset cifar10", f"{launch} {' '.join(TINY)}"]


@ON_LINUX
def test_torchrun_starts_two_processes_that_train(tmp_path):
    command = ["sh", EXAMPLES / "torchrun.sh", *TINY, "--run", tmp_path / "run"]
    done = subprocess.run(command, env=environment(tmp_path, PROCESSES="2"), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "2 processes share each batch" in done.stdout, done.stdout + done.stderr
    assert names(tmp_path / "run") == ENDED


@ON_LINUX
def test_a_slurm_job_that_is_preempted_queues_again_and_goes_on(tmp_path):
    for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    log, pids, run = tmp_path / "scontrol.log", tmp_path / "pids", tmp_path / "run"
    command = ["bash", EXAMPLES / "slurm.sh", *TINY, "--steps", "100000", "--save-every", "100000", "--run", run]
    variables = environment(tmp_path, SLURM_NTASKS="2", SLURM_JOB_ID=str(os.getpid()), SLURM_JOB_NODELIST="here",
                            SCONTROL_LOG=str(log), SRUN_PIDS=str(pids))

    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as job:
        while "step 10 " not in job.stdout.readline():
            assert job.poll() is None, job.stdout.read()
        for pid in pids.read_text().split():
            os.kill(int(pid), signal.SIGTERM)
        printed = job.communicate(timeout=120)[0]
    assert job.returncode == 143 and log.read_text() == f"requeue {os.getpid()}\n", printed

    said = []
    train(recipe("smoke", "superres", "mnist5k", **CHANGED), run, until=0, log=said.append)
    assert said[0].startswith("resumed at step "), said


KAGGLE = """
import sys
sys.path.insert(0, sys.argv[1])
import kaggle_two_t4
from accelerate import notebook_launcher
from colddiff_nb.training import recipe
kaggle_two_t4.CHOSEN = recipe("smoke", "superres", "mnist5k", widths=(8, 8, 8))
notebook_launcher(kaggle_two_t4.train_in_each_process, num_processes=2, use_port=sys.argv[2])
"""


@ON_LINUX
def test_the_cell_for_kaggle_trains_in_two_processes(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    done = subprocess.run([sys.executable, "-c", KAGGLE, EXAMPLES, port], cwd=tmp_path, env=environment(tmp_path),
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "2 processes share each batch" in done.stdout, done.stdout + done.stderr
    assert names(tmp_path / "runs" / "two-t4") == ENDED


def test_the_function_for_modal_trains_in_its_volume(tmp_path, monkeypatch):
    chosen = {}

    class Stand:  # in for whatever is chained on an image
        def __getattr__(self, name):
            return lambda *arguments, **options: self

    def function(**options):
        chosen.update(options)
        return lambda call: call

    app = SimpleNamespace(function=function, local_entrypoint=lambda: lambda call: call)
    modal = SimpleNamespace(App=lambda name: app, Image=Stand(), Retries=dict,
                            Volume=SimpleNamespace(from_name=lambda name, create_if_missing: name))
    monkeypatch.setitem(sys.modules, "modal", modal)
    module = runpy.run_path(str(EXAMPLES / "modal_app.py"))
    assert chosen["volumes"] == {"/colddiff": "colddiff"} and chosen["retries"]["max_retries"] > 0
    module["train_on_modal"]("smoke", "superres", "mnist5k", root=str(tmp_path))
    assert load_model(tmp_path / "runs" / "smoke-superres-mnist5k" / "weights.safetensors")[2]["step"] == 20

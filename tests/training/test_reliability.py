"""Full disks, second writers, other recipes, numbers gone bad, too little memory, hostile files: what is said, and what stays."""
import hashlib
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageFile
from survival import TINY, curve, difference, some_images, weight

from colddiff_nb.data.own_image import open_image
from colddiff_nb.storage import checkpoint
from colddiff_nb.storage.files import CheckpointError
from colddiff_nb.storage.lock import lock
from colddiff_nb.training import loop, recipe, rollout, train

ROOT = Path(__file__).parents[2]
CHOICE = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 8, "save_every": 2, "evaluate_every": 2, "precision": "float32"})


def run(folder, choice=CHOICE, log=lambda line: None, **options):
    return train(choice, folder, images=some_images(), log=log, **options)


def refused(error, folder, choice=CHOICE, **options):
    """The one line that a training is refused or stopped with."""
    with pytest.raises(error) as caught:
        run(folder, choice, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def end_state(folder):
    step, state = checkpoint.newest(folder, log=pytest.fail)
    return {**state, "step": step, "curve": curve(folder)}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of 600 kB: room for two checkpoints (150 kB each) and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a disk; the faults of test_kills.py are tried all the same")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_keeps_two_checkpoints_and_training_goes_on_elsewhere(small_disk, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run(tmp_path / "whole", on_evaluate=weight)

    def fail_at_six(step, network):
        if step == 6:
            (small_disk / "others").write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize))
        return weight(step, network)

    message = refused(CheckpointError, small_disk / "run", on_evaluate=fail_at_six)
    assert f"cannot use {small_disk}/run" in message and "--run NEW --resume-from" in message
    assert "No space left" in message
    kept = sorted((small_disk / "run").glob("step-*.pt"))
    assert [path.name for path in kept] == ["step-00000002.pt", "step-00000004.pt"]
    assert all(map(checkpoint._intact, kept))
    lines = []
    run(tmp_path / "new", resume_from=re.search(r"--resume-from (\S+)$", message)[1], on_evaluate=weight, log=lines.append)
    assert "resumed at step 6" in lines[0]
    assert difference(end_state(tmp_path / "new"), end_state(tmp_path / "whole")) is None



def test_a_scorer_that_cannot_write_does_not_stop_the_training(tmp_path):
    def unwritable(step, network):
        raise OSError("no space for the picture")
    lines = []
    run(tmp_path, log=lines.append, on_evaluate=unwritable)
    assert any("training goes on: no space for the picture" in line for line in lines)
    assert (tmp_path / "weights.safetensors").is_file()

def test_where_even_the_temporary_folder_is_full_the_folder_is_named(tmp_path, monkeypatch):
    def fail(folder, step, state):
        raise CheckpointError(f"cannot use {folder}: free space there")

    monkeypatch.setattr(checkpoint, "save", fail)
    message = refused(CheckpointError, tmp_path / "run")
    assert f"cannot use {tmp_path}/run: free space there" in message and "was saved" not in message


def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("a file")
    assert f"cannot use {tmp_path}/file" in refused(CheckpointError, tmp_path / "file")
    assert "there is no checkpoint in nowhere" in refused(CheckpointError, tmp_path / "run", resume_from="nowhere")
    said = refused(CheckpointError, tmp_path / "run", resume_from=tmp_path / "file")
    assert said.startswith(f"cannot use {tmp_path}/file (Not a directory): check the path")
    with lock(tmp_path / "held"):
        assert "held is in use by another process" in refused(CheckpointError, tmp_path / "held")


def test_the_newer_of_two_folders_goes_on(tmp_path):
    run(tmp_path / "old", until=2)
    run(tmp_path / "rescue", until=6)
    for name, other in (("old", "rescue"), ("rescue", "old")):
        lines = []
        run(tmp_path / name, resume_from=tmp_path / other, until=6, log=lines.append)
        assert lines == [f"resumed at step 6 from {tmp_path / 'rescue'}"]


def test_a_run_that_moved_is_at_home_at_once(tmp_path):
    run(tmp_path / "old")
    run(tmp_path / "new", resume_from=tmp_path / "old")
    shutil.rmtree(tmp_path / "old")
    assert end_state(tmp_path / "new")["step"] == 8 and (tmp_path / "new/weights.safetensors").exists()


def test_an_interrupted_run_neither_loses_nor_doubles_rows_of_the_curve(tmp_path):
    choice, steps = replace(CHOICE, save_every=3), lambda folder: [row["step"] for row in curve(folder)]
    run(tmp_path / "whole", choice, on_evaluate=weight)
    assert steps(tmp_path / "whole") == ["2", "4", "6", "8"]

    def fail_at_four(step, network):  # its row is after the newest checkpoint, of step 3
        return weight(step, network) if step < 4 else 1 / 0

    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "parts", choice, on_evaluate=fail_at_four)
    assert steps(tmp_path / "parts") == ["2"]
    run(tmp_path / "parts", choice, on_evaluate=weight, until=6)
    (tmp_path / "parts/step-00000006.pt").write_bytes(b"")  # now the curve is ahead of what the run goes on from
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "parts", choice, on_evaluate=fail_at_four)
    assert steps(tmp_path / "parts") == ["2"]
    run(tmp_path / "parts", choice, on_evaluate=weight)
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")


def test_every_differing_field_is_named(tmp_path):
    run(tmp_path, until=2)
    other = replace(CHOICE, task="inpaint", network="paper", widths=(16, 8, 8), batch=8, steps=9, ema="paper")
    with pytest.raises(ValueError) as caught:
        train(other, tmp_path, images=replace(some_images(32), name="others"))
    for part in ("data.n: 64 there, 32 here", "data.name: mnist5k there, others here", "recipe.batch: 4 there, 8 here", "recipe.ema:",
                 "recipe.network: small there, paper here", "recipe.steps: 8 there, 9 here", "recipe.task:", "recipe.widths:"):
        assert part in str(caught.value)
    assert str(caught.value).count(" there, ") == 8 and "choose another folder" in str(caught.value)


def test_a_smaller_micro_batch_is_the_same_training(tmp_path):
    run(tmp_path, until=2)
    lines = []
    run(tmp_path, replace(CHOICE, batch=2, accumulate=2), log=lines.append, until=4)
    assert "resumed at step 2" in lines[0]


@pytest.mark.parametrize("save_every", [1, 2])
@pytest.mark.parametrize("poison", ["image", "gradient", "learning rate"])
def test_what_is_not_finite_reaches_neither_ema_nor_checkpoint(tmp_path, monkeypatch, poison, save_every):
    choice, real, averaged, calls = replace(CHOICE, save_every=save_every, clip=0.0), {}, [], []
    for name in ("learning_rate", "update_ema"):
        real[name] = getattr(loop, name)
    real |= {"to_float": rollout.to_float, "l1": loop.LOSSES["l1"]}

    def at_step_six(value, bad):
        calls.append(1)
        return bad if len(calls) == 6 else value

    def infinite_slope(*arguments):
        loss = real["l1"](*arguments)
        return at_step_six(loss, loss + (loss - loss.detach()).sqrt())

    if poison == "image":  # of a step: the call at the start fits the preconditioner elsewhere
        monkeypatch.setattr(rollout, "to_float", lambda x: at_step_six(real["to_float"](x), torch.full((4, 1, 32, 32), torch.nan)))
    elif poison == "gradient":
        monkeypatch.setitem(loop.LOSSES, "l1", infinite_slope)
    else:
        monkeypatch.setattr(loop, "learning_rate", lambda *arguments: at_step_six(real["learning_rate"](*arguments), 1e30))
    monkeypatch.setattr(loop, "update_ema", lambda recipe, ema, network, step: (
        averaged.append(step), real["update_ema"](recipe, ema, network, step)))
    message = refused(FloatingPointError, tmp_path, choice)
    assert "not finite at step 6" in message and "learning_rate below 0.001" in message
    assert averaged == [1, 2, 3, 4, 5]
    state = end_state(tmp_path)
    assert state["step"] == {1: 5, 2: 4}[save_every]
    assert all(torch.isfinite(tensor).all() for part in ("network", "ema") for tensor in state[part].values())


def test_too_little_gpu_memory_says_how_the_same_training_fits(tmp_path, monkeypatch):
    def exhausted(*arguments):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 GiB")

    monkeypatch.setitem(loop.LOSSES, "l1", exhausted)
    message = refused(ValueError, tmp_path)
    assert message.startswith("batch = 4 does not fit into the GPU's memory: with a smaller batch")


class Hostile:
    def __init__(self, victim):
        self.victim = str(victim)

    def __reduce__(self):
        return open, (self.victim, "w")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_hostile_pickle_never_runs_wherever_it_comes_in(tmp_path):
    victim, hostile = tmp_path / "victim", tmp_path / "run/step-00000004.pt"
    run(tmp_path / "run", until=2)
    torch.save({"step": 4, "state": Hostile(victim)}, hostile)
    content, lines = hostile.read_bytes(), []
    run(tmp_path / "run", until=2, log=lines.append)  # as a checkpoint: named, and the older one is used
    assert str(hostile) in lines[0] and "resumed at step 2" in lines[1]
    hostile.write_bytes(content + checkpoint.MAGIC + hashlib.sha256(content).digest())
    assert "cannot be loaded" in refused(CheckpointError, tmp_path / "run")
    assert "is a checkpoint, not weights" in refused(CheckpointError, tmp_path / "new", init=hostile)
    for upload in (content, pickle.dumps(Hostile(victim))):
        with pytest.raises(ValueError, match="no image"):
            open_image(upload)
    assert not victim.exists()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_a_picture_of_four_hundred_megapixels_in_few_bytes_is_refused_before_it_is_unpacked(form, monkeypatch):
    content = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, form, compression="packbits")
    monkeypatch.setattr(ImageFile.ImageFile, "load", pytest.fail)
    with pytest.raises(ValueError, match="^'the upload' has too many pixels: give a smaller file$"):
        open_image(content.getvalue())


def test_weights_of_another_network_or_program_start_nothing(tmp_path):
    run(tmp_path / "run")
    path = tmp_path / "run/weights.safetensors"
    message = refused(ValueError, tmp_path / "a", replace(CHOICE, widths=(8, 8, 16), task="inpaint"), init=path)
    assert "task: superres there, inpaint here" in message and "widths: (8, 8, 8) there, (8, 8, 16) here" in message
    assert "does not fit here" in refused(CheckpointError, tmp_path / "b", replace(CHOICE, T=2), init=path)
    checkpoint.export_weights(path, {"a": torch.zeros(2)}, {"note": "of another program"})
    assert "does not fit here (KeyError: 'recipe')" in refused(CheckpointError, tmp_path / "c", init=path)


MEMORY = """
import resource, sys, torch
torch.set_num_threads(1)
sys.path.insert(0, "tests/helpers")
from survival import some_images
from colddiff_nb.training import recipe
from colddiff_nb.metrics.evaluation import evaluate
from colddiff_nb.training import train
choice = recipe("small", "superres", "cifar10", steps=2, evaluate_every=2)
network = train(choice, sys.argv[1], images=some_images(50_000, channels=3), log=lambda line: None)
batches = []
def restore(x, t, start):  # by the network once: another batch takes no more memory, but seconds
    batches.append(len(x))
    return network(x, t, start) if len(batches) == 1 else x
scored = evaluate((restore, choice.degradation(), {}), some_images(10_000, channels=3), methods=("direct",), log=lambda line: None)
assert scored["cells"][0]["n"] == sum(batches) == 10_000
if sys.platform == "linux":  # there ru_maxrss would also count what the process that started this one had in memory
    print(int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) >> 10)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20)
"""


@pytest.mark.slow
def test_a_training_on_fifty_thousand_images_and_an_evaluation_of_ten_thousand_stay_under_two_gigabytes(tmp_path):
    ran = subprocess.run([sys.executable, "-c", MEMORY, tmp_path / "run"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    assert 300 < int(ran.stdout) < 2_000

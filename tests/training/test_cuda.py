"""What holds on an NVIDIA GPU only: D waits for nothing, TF32 is off where digits matter, bfloat16 trains, a training goes on."""
import csv
import math
import multiprocessing
import warnings
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from accelerate.state import AcceleratorState

from colddiff_nb.data import load
from colddiff_nb.degradations import make
from colddiff_nb.networks.small import Block
from colddiff_nb.storage import runtime
from colddiff_nb.storage.cuda_graph import Replayed
from colddiff_nb.training import loop, recipe, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

TINY = {"steps": 20, "batch": 8, "widths": (8, 8, 8), "evaluate_every": 5, "save_every": 5, "rollout": 0.5, "precision": "float32"}


@pytest.fixture(scope="module")
def digits():
    return load("mnist5k", "train")


def losses(folder):
    with open(folder / "curve.csv") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("task", ["deblur", "superres", "inpaint"])
def test_D_on_the_gpu_waits_for_nothing_and_equals_D_on_the_cpu(task):
    degrade, x0 = make(task, "cifar10"), torch.rand(16, 3, 32, 32) * 2 - 1
    t, drawn = torch.randint(0, degrade.T + 1, (16,)), degrade.draw(16, torch.Generator().manual_seed(0))
    expected = drawn(x0, t)
    there = replace(drawn, degrade=degrade.to("cuda"), randomness=drawn.randomness.to("cuda"))
    x0, t = x0.to("cuda"), t.to("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        x_t = there(x0, t)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.allclose(x_t.cpu(), expected, atol=1e-6)


def tf32_by_the_older_names():
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True


def tf32_by_the_newer_names():
    torch.backends.fp32_precision = "tf32"
    torch.backends.cuda.matmul.fp32_precision = "tf32"


@pytest.mark.parametrize("allow_tf32", [tf32_by_the_older_names, tf32_by_the_newer_names])
def test_no_tf32_inside_true_float32(allow_tf32):
    if allow_tf32 is tf32_by_the_newer_names and not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("this torch has the older names only")
    process = multiprocessing.get_context("spawn").Process(target=compare_with_float64, args=(allow_tf32,))
    process.start()  # one of its own: what was set in both ways cannot be read any more
    process.join(timeout=120)
    assert process.exitcode == 0


def compare_with_float64(allow_tf32):
    x, weight = torch.randn(8, 64, 32, 32, device="cuda"), torch.randn(64, 64, 3, 3, device="cuda")
    a, convolved = x.flatten(1)[:, :1_024], F.conv2d(x.double(), weight.double(), padding=1)

    def errors():
        pairs = (F.conv2d(x, weight, padding=1), convolved), (a @ a.mT, a.double() @ a.double().mT)
        return [((computed.double() - exact).abs().max() / exact.abs().max()).item() for computed, exact in pairs]
    allow_tf32()
    before = errors()
    with runtime.true_float32():
        assert max(errors()) < 1e-5
    if torch.cuda.get_device_capability() >= (8, 0):  # older GPUs have no TF32
        assert max(before) > 1e-5 and max(errors()) > 1e-5


def test_a_bf16_training_computes_in_bf16_and_keeps_float32_weights(digits, tmp_path, monkeypatch):
    seen, forward = set(), Block.forward

    def spy(self, x, embedding):
        seen.add((self.training, x.device.type, x.dtype))
        return forward(self, x, embedding)
    monkeypatch.setattr(Block, "forward", spy)
    ema = train(recipe("smoke", "deblur", "mnist5k", **TINY | {"precision": "bf16"}), tmp_path, images=digits, log=lambda line: None)
    assert (True, "cuda", torch.bfloat16) in seen
    assert {weight.dtype for weight in ema.parameters()} == {torch.float32} and next(ema.parameters()).is_cuda
    assert len(losses(tmp_path)) == 4 and all(map(math.isfinite, losses(tmp_path)))


def test_ten_steps_and_ten_more_are_twenty_and_a_cpu_goes_on_from_a_gpu(digits, tmp_path, monkeypatch):
    def go_on(name, until=None):
        told = []
        ema = train(recipe("smoke", "inpaint", "mnist5k", **TINY), tmp_path / name, images=digits, until=until, log=told.append)
        return next(ema.parameters()).device.type, any("resumed at step 10" in line for line in told)
    assert go_on("whole") == ("cuda", False)
    go_on("parts", until=10)
    go_on("moved", until=10)
    assert go_on("parts") == ("cuda", True)
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cpu"))
    AcceleratorState._reset_state(reset_partial_state=True)  # as in another process: a process keeps its device
    assert go_on("moved") == ("cpu", True)
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-3)  # cuDNN may add in another order
    assert losses(tmp_path / "moved") == pytest.approx(losses(tmp_path / "whole"), rel=1e-2)


def test_a_training_step_waits_for_nothing_between_two_looks(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOOK_EVERY", 1_000)

    def waits(steps):
        choice = recipe("smoke", "inpaint", "mnist5k", **TINY | {"steps": steps, "evaluate_every": steps, "save_every": steps})
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                train(choice, tmp_path / str(steps), images=digits, log=lambda line: None)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(warning.message) for warning in seen)
    waits(2)  # what is done once is done
    assert waits(10) == waits(30)


@pytest.mark.parametrize("changes", [{}, {"realism": 0.1}, {"ssim": 0.3, "shift": 2}, {"accumulate": 2, "precision": "bf16"}, {"compile": True}])
def test_a_recorded_step_trains_as_an_unrecorded_one_and_goes_on_from_its_checkpoint(changes, digits, tmp_path):
    def trained(name, graph, until=None):
        choice = recipe("smoke", "superres", "mnist5k", **TINY | changes | {"cuda_graph": graph})
        train(choice, tmp_path / name, images=digits, until=until, log=lambda line: None)
        return losses(tmp_path / name)
    near = {"rel": 1e-3 if changes.get("precision") != "bf16" else 2e-2}
    plain, recorded = trained("plain", False), trained("recorded", True)
    assert len(recorded) == 4 and recorded == pytest.approx(plain, **near)
    trained("parts", True, until=10)
    assert trained("parts", False) == pytest.approx(plain, **near)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained("others", False, until=10)
        assert trained("others", True) == pytest.approx(plain, **near)


def test_replayed_dropout_follows_the_seed():
    drop, x = Replayed(F.dropout, []), torch.ones(1_000, device="cuda")
    for seed in range(6):
        torch.manual_seed(seed)
        kept = drop(x).clone()
        torch.manual_seed(seed)
        assert torch.equal(kept, F.dropout(x))


def test_a_step_that_waits_for_the_gpu_is_refused_in_one_line():
    process = multiprocessing.get_context("spawn").Process(target=record_a_step_that_waits)
    process.start()  # one of its own: after a failed recording a process is of no use
    process.join(timeout=120)
    assert process.exitcode == 0


def record_a_step_that_waits():
    step = Replayed(lambda x: x * x.sum().item(), [])
    for _ in range(3):
        step(torch.ones(4, device="cuda"))
    with pytest.raises(ValueError, match="^the step cannot be recorded, .*: set cuda_graph = False, in a new process$"):
        step(torch.ones(4, device="cuda"))

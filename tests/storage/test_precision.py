"""float32 is whole where digits matter, whichever of torch's ways set another precision, and what was set is put back exactly."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from colddiff_nb.networks.small import Block
from colddiff_nb.storage import runtime
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.training import recipe, train

ROOT = Path(__file__).resolve().parents[2]

# Each way in a process of its own: what was set once cannot be taken back. LATER shows whether a switch still follows another.
PROGRAM = """
import os, sys, torch
from torch import backends
from colddiff_nb.storage.runtime import true_float32

NEW = hasattr(backends, "fp32_precision")
OLDER = ("backends.cuda.matmul.allow_tf32", "backends.cudnn.allow_tf32", "torch.get_float32_matmul_precision()")
NEWER = [f"backends.{place}fp32_precision" for place in (
    "", "cudnn.", "cuda.matmul.", "cudnn.conv.", "cudnn.rnn.", "mkldnn.", "mkldnn.matmul.", "mkldnn.conv.", "mkldnn.rnn.") if NEW]

def read(name):
    try:
        return eval(name)
    except RuntimeError:  # torch was told in both ways
        return "mixed"

def switches():
    return {name: read(name) for name in (*OLDER, *NEWER)}

def outcome(way, later, inside):
    exec(way)
    before = switches()
    if inside:
        with true_float32():
            values = [read(name) for name in NEWER or OLDER]
            assert set(values) <= {"ieee", "highest", False}, values
            with true_float32():
                pass
            assert values == [read(name) for name in NEWER or OLDER]
    assert switches() == before
    exec(later)
    return repr(switches())

def in_a_fork(*arguments):
    end, start = os.pipe()
    if not os.fork():
        os.write(start, outcome(*arguments).encode())
        os._exit(0)
    os.close(start)
    with open(end) as answer:
        return answer.read()

for way in sys.stdin.read().splitlines():
    for later in ("pass", "backends.fp32_precision = 'ieee'", "backends.cudnn.fp32_precision = 'tf32'") if NEW else ("pass",):
        if NEW or "fp32_precision" not in way:
            without, after = in_a_fork(way, later, False), in_a_fork(way, later, True)
            assert without and without == after, f"{way}; {later}: {without} became {after}"
print("ok")
"""
WAYS = (
    "pass", "torch.set_float32_matmul_precision('medium')", "torch.set_float32_matmul_precision('high')",
    "backends.cuda.matmul.allow_tf32 = True", "backends.cudnn.allow_tf32 = False", "backends.fp32_precision = 'tf32'",
    "backends.cuda.matmul.fp32_precision = 'tf32'", "backends.cudnn.fp32_precision = 'tf32'",
    "backends.cudnn.conv.fp32_precision = 'ieee'", "backends.mkldnn.matmul.fp32_precision = 'bf16'",
    "backends.cuda.matmul.allow_tf32 = True; backends.cuda.matmul.fp32_precision = 'ieee'",
    "backends.fp32_precision = 'ieee'; torch.set_float32_matmul_precision('high')")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_float32_is_whole_inside_and_every_way_to_set_it_is_put_back():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], input="\n".join(WAYS), cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert ran.stdout == "ok\n", ran.stderr


def test_fp16_on_a_cpu_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cpu"))
    for network in ("small", "paper"):
        with pytest.raises(ValueError, match="^precision = fp16: no CPU trains in it; choose auto, float32 or bf16") as caught:
            train(recipe("smoke", "superres", "mnist5k", network=network, precision="fp16"), tmp_path / "run")
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision, computed_in", [("bf16", torch.bfloat16), ("float32", torch.float32)])
def test_a_cpu_computes_in_the_precision_that_is_written_into_the_file(tmp_path, monkeypatch, precision, computed_in):
    seen, forward = set(), Block.forward

    def spy(self, x, embedding):
        seen.add(x.dtype)
        return forward(self, x, embedding)

    monkeypatch.setattr(runtime, "device", lambda: torch.device("cpu"))
    monkeypatch.setattr(Block, "forward", spy)
    train(recipe("smoke", "superres", "mnist5k", steps=1, widths=(8, 8, 8), precision=precision), tmp_path, log=lambda line: None)
    assert computed_in in seen and load_weights(tmp_path / "weights.safetensors")[1]["recipe"]["precision"] == precision


@pytest.mark.parametrize("capability, native", [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_auto_is_bfloat16_only_where_the_gpu_computes_in_it(monkeypatch, capability, native):
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    assert runtime.mixed_precision("auto", "small") == ("bf16" if native else "no")
    assert runtime.mixed_precision("auto", "paper") == runtime.mixed_precision("float32", "small") == "no"
    assert runtime.mixed_precision("fp16", "small") == "fp16"

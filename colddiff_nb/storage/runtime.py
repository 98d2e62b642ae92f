"""What the machine is and which precision it trains in."""
from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is native there: CUDA from compute capability 8.0, CPUs with AVX512-BF16 or AMX."""
    if device.type == "cuda":  # torch.cuda.is_bf16_supported() says yes on a T4, which emulates it
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # an older torch cannot tell
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def device() -> torch.device:
    """Choose CUDA where there is one, else the CPU: Apple's GPUs have no float64, which blur needs."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """Return the GPU's name, or "cpu"."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def mixed_precision(precision: str, network: str) -> str:
    """Return Accelerate's name for a recipe's precision.

    "auto" is bfloat16 for the small network where the device has it: its preconditioner keeps the measurement
    in float32. The paper's networks see x_t alone and need float32.

    Raises:
        ValueError: fp16 on a CPU, which would train in float32.
    """
    if precision == "fp16" and device().type == "cpu":
        raise ValueError("precision = fp16: no CPU trains in it; choose auto, float32 or bf16")
    if precision == "auto":
        return "bf16" if network == "small" and has_bf16(device()) else "no"
    return {"float32": "no"}.get(precision, precision)


@contextmanager
def true_float32() -> Iterator[None]:
    """Compute in whole float32 inside: no TF32 on GPUs, no bfloat16 on CPUs.

    torch refuses to read its older settings after the newer were used, so only the newer are touched where
    there are any (since 2.9). A place that follows another reads "ieee" once that one is set.
    """
    backends: Any = torch.backends
    with ExitStack() as restored:
        if hasattr(backends, "fp32_precision"):
            for place in (backends, backends.cuda.matmul,
                          backends.cudnn, backends.cudnn.conv, backends.cudnn.rnn,
                          backends.mkldnn, backends.mkldnn.matmul, backends.mkldnn.conv, backends.mkldnn.rnn):
                if place.fp32_precision != "ieee":
                    restored.callback(setattr, place, "fp32_precision", place.fp32_precision)
                    place.fp32_precision = "ieee"
        else:
            restored.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            restored.callback(setattr, backends.cudnn, "allow_tf32", backends.cudnn.allow_tf32)
            torch.set_float32_matmul_precision("highest")
            backends.cudnn.allow_tf32 = False
        yield


def report() -> str:
    """Describe the machine in a few lines, to paste into an issue."""
    here = device()
    name = torch.cuda.get_device_name() if here.type == "cuda" else platform.processor() or platform.machine()
    return "\n".join([
        f"python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads",
        f"device {here}: {name}, bfloat16 {'native' if has_bf16(here) else 'not native: float32 is used'}",
    ])

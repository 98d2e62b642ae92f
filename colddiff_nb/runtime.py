"""What the machine is and which precision it trains in."""
from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is native there: CUDA from compute capability 8.0, CPUs with AVX512-BF16 or AMX.

    torch.cuda.is_bf16_supported() can say yes on a T4 by emulation, so it is not asked.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # an older torch cannot tell
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def device() -> torch.device:
    """CUDA where there is one, else the CPU: Apple's GPUs have no float64, in which blur is computed."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(precision: str, network: str) -> str:
    """Accelerate's name for a recipe's precision. "auto" is bfloat16 for the small network where the device has it: its
    preconditioner keeps the measurement in float32. The paper's networks see x_t alone and need float32."""
    if precision == "auto":
        return "bf16" if network == "small" and has_bf16(device()) else "no"
    return {"float32": "no"}.get(precision, precision)


@contextmanager
def true_float32() -> Iterator[None]:
    """No TF32 inside: it rounds away what a blurred image still holds. Changes nothing where there is no NVIDIA GPU."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def report() -> str:
    """The machine in a few lines, to paste into an issue."""
    here = device()
    name = torch.cuda.get_device_name() if here.type == "cuda" else platform.processor() or platform.machine()
    return "\n".join([
        f"python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads",
        f"device {here}: {name}, bfloat16 {'native' if has_bf16(here) else 'not native: float32 is used'}",
    ])

"""Checkpoints that survive kills, full disks and damaged files, and weights to share.

A checkpoint is one file, `step-00001000.pt`: what `torch.save` writes, then MAGIC and the SHA-256 of all
before it. Nothing is unpickled before the hash fits, and then only tensors and plain values: a hostile file
never runs. Weights are safetensors files with a hash of their own.
"""
from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from colddiff_nb.storage.files import MEND, CheckpointError, explained, replace

MAGIC = b"colddiff sha256:"
FOOTER = len(MAGIC) + hashlib.sha256().digest_size
ENTRY = "colddiff_nb"  # the one metadata entry of a weights file: JSON, as safetensors takes only strings
READABLE = "make it readable, or move it away"
GIVE = "give the weights.safetensors that the end of a training writes"
NOT_WEIGHTS = {  # by how the file begins
    b"PK\3\4": f"a checkpoint, not weights: {GIVE}",  # torch.save writes a zip file
    b"version https://git-lfs.": "a git-LFS pointer, not weights: fetch them, git lfs pull"}


def _checkpoints(folder: Path) -> list[Path]:
    """All files named like a checkpoint, newest first; none where there is no folder yet."""
    with explained(folder, "check the path, and who may read it"), suppress(FileNotFoundError):
        named = [path for path in folder.iterdir() if re.fullmatch(r"step-\d+\.pt", path.name)]
        return sorted(named, key=lambda path: int(path.stem[5:]), reverse=True)
    return []


def _intact(path: Path) -> bool:
    with explained(path, READABLE):
        content = memoryview(path.read_bytes())
    return content[-FOOTER:] == MAGIC + hashlib.sha256(content[:-FOOTER]).digest()


def save(folder: str | Path, step: int, state: dict[str, Any]) -> Path:
    """Write the checkpoint of a step atomically; the folder keeps it and the newest intact one beside it.

    Args:
        state: tensors and plain values, nested: others would not be loaded again.

    Raises:
        CheckpointError: it cannot be written. The old ones stay.
    """
    folder = Path(folder)
    path = folder / f"step-{step:08d}.pt"
    with explained(folder, MEND):
        others = [other for other in _checkpoints(folder) if other != path]
        kept = next(filter(_intact, others), None)
        content = io.BytesIO()
        torch.save({"step": step, "state": state}, content)
        content.write(MAGIC + hashlib.sha256(content.getbuffer()).digest())
        replace(path, content.getbuffer())
        for other in others:
            if other != kept:
                other.unlink(missing_ok=True)
    return path


def newest(folder: str | Path, log: Callable[[str], object] = print) -> tuple[int, dict[str, Any]] | None:
    """Load the newest intact checkpoint: (step, state on the CPU), or None where there is none.

    Damaged and foreign ones are named to `log`, a line each, and skipped.

    Raises:
        CheckpointError: all are damaged, or something cannot be read: no run is started over in silence.
    """
    paths = _checkpoints(Path(folder))
    for path in paths:
        if _intact(path):
            try:
                content = torch.load(path, map_location="cpu", weights_only=True)
                return content["step"], content["state"]
            except Exception as error:  # no damage, but too little memory, an older torch, or a forged file
                reason = f"({type(error).__name__}): mind memory and torch's version, or move it away"
                raise CheckpointError(f"{path} is undamaged but cannot be loaded {reason}") from error
        log(f"skipping {path}: cut short, damaged, or not written by this package")
    if paths:
        raise CheckpointError(f"no checkpoint in {folder} is intact: "
                              "delete its step-*.pt to start over, or choose another --run DIR")
    return None


def _weights_hash(tensors: dict[str, torch.Tensor], metadata: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for key, tensor in sorted(tensors.items()):
        digest.update(f"{key} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def export_weights(path: str | Path, state_dict: dict[str, torch.Tensor], metadata: dict[str, Any],
                   keep: tuple[str, ...] = ()) -> None:
    """Write a safetensors file atomically, with floats as float16 and integers as they are.

    Args:
        metadata: plain JSON values; tuples come back as lists.
        keep: beginnings of the names of floats that stay float32.

    Raises:
        ValueError: float16 cannot hold a value.
    """
    import safetensors.torch

    tensors = {}
    for key, tensor in state_dict.items():
        floating = torch.float32 if key.startswith(keep) else torch.float16
        kind = floating if tensor.is_floating_point() else tensor.dtype
        tensors[key] = tensor.detach().to("cpu", kind, copy=True).contiguous()
        if not torch.isfinite(tensors[key]).all():
            raise ValueError(f"{key} holds values that are not finite as {kind}: "
                             "mend the network, or name it in keep=(...)")
    plain = json.loads(json.dumps({**metadata, "checksum": None}))
    plain["checksum"] = _weights_hash(tensors, plain)
    content = safetensors.torch.save(tensors, metadata={ENTRY: json.dumps(plain)})
    with explained(Path(path).parent, MEND):
        replace(Path(path), content)


def _check_kind(path: Path) -> None:
    """Raise where there is no file, or what is often given in place of a weights file."""
    if not path.exists():
        raise FileNotFoundError(f"there are no weights at {path}: "
                                "check the path, or train and export them first")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not weights: {GIVE}")
    with explained(path, READABLE), open(path, "rb") as file:
        start = file.read(24)
    for beginning, other in NOT_WEIGHTS.items():
        if start.startswith(beginning):
            raise CheckpointError(f"{path} is {other}")


def load_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `export_weights` wrote: (state dict with floats in float32, metadata with the `checksum`).

    Runs no code.

    Raises:
        FileNotFoundError: there is no file.
        CheckpointError: the file is damaged or foreign, or cannot be read.
    """
    import safetensors

    _check_kind(Path(path))
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = file.metadata()[ENTRY]
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        metadata = json.loads(text)
        if metadata["checksum"] != _weights_hash(tensors, {**metadata, "checksum": None}):
            raise ValueError("its checksum does not fit")
    except Exception as error:  # a damaged file fails in many ways
        raise CheckpointError(f"{path} is damaged or was not written by export_weights: "
                              "fetch or export it again") from error
    state_dict = {key: tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)
                  for key, tensor in tensors.items()}
    return state_dict, metadata


def load_adam(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load Adam's state from any device, in the memory layout of the weights: fused Adam does not compare."""
    groups = [saved | {"fused": group["fused"]}
              for saved, group in zip(state["param_groups"], optimizer.param_groups, strict=True)]
    optimizer.load_state_dict(state | {"param_groups": groups})
    for weight, kept in optimizer.state.items():
        for name in ("exp_avg", "exp_avg_sq"):
            kept[name] = torch.empty_like(weight).copy_(kept[name])

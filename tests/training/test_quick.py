"""What `make run` promises, of a third of its trainings: they restore digits that they have not seen, well enough to be read."""
import pytest
import torch

from colddiff_nb.data import load, to_float
from colddiff_nb.metrics import rmse
from colddiff_nb.metrics.classifier import train_classifier
from colddiff_nb.sampling import direct
from colddiff_nb.training import recipe, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reader():
    return train_classifier(load("mnist5k", "train"))


def read(classifier, images, labels):
    return (classifier(images.clamp(-1, 1)).argmax(1) == labels).float().mean().item()


# The largest direct RMSE as a share of the degraded one, and the smallest share of digits still read.
@pytest.mark.parametrize("task, T, largest, smallest", [("superres", None, 0.75, 0.70), ("inpaint", None, 0.70, 0.85), ("deblur", 20, 0.85, 0.45)])
def test_quick_training_restores_unseen_digits(task, T, largest, smallest, reader, tmp_path, record_property):
    test = load("mnist5k", "test")
    x0 = to_float(test.pixels)
    third = recipe("quick", task, "mnist5k", T=T, steps=150)
    network = train(third, tmp_path, log=lambda line: None)
    degrade = third.degradation().draw(len(test), torch.Generator().manual_seed(0))
    x_T = degrade(x0, degrade.T)
    restored = torch.cat([direct(network, degrade[i:i + 250], x_T[i:i + 250]) for i in range(0, len(test), 250)])
    share, rates = rmse(restored, x0) / rmse(x_T, x0), {"original": read(reader, x0, test.labels), "degraded": read(reader, x_T, test.labels),
                                                        "direct": read(reader, restored, test.labels)}
    print(f"{task}: RMSE {rmse(restored, x0):.4f}, {share:.2f} of degraded; read: {rates}")
    assert rates["original"] > 0.95
    assert share <= largest
    assert rates["direct"] >= smallest and rates["direct"] > rates["degraded"]

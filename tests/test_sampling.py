"""Samplers: what they return for perfect, wrong and untrained restorers."""
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from colddiff_nb.degradations import make
from colddiff_nb.other_samplers import between, ddim, mirrored, mixed, project_onto_measurement
from colddiff_nb.sampling import SAMPLERS, algorithm1, algorithm2, direct

TASKS = [("deblur", "cifar10"), ("superres", "mnist"), ("inpaint", "cifar10")]


def setting(task, dataset, n=2):
    degrade = make(task, dataset)
    x0 = torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    drawn = degrade.draw(n, torch.Generator().manual_seed(1))
    return x0, drawn, drawn(x0, degrade.T)


def untrained():
    torch.manual_seed(0)
    return nn.Conv2d(3, 3, 3, padding=1)


@pytest.mark.parametrize("task, dataset", TASKS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_perfect_restorer_gives_the_original(task, dataset, name):
    x0, drawn, x_T = setting(task, dataset)
    restored = SAMPLERS[name](lambda x, s, start: x0, drawn, x_T)
    assert torch.allclose(restored, x0, atol=1e-5)


def test_algorithm_2_is_exact_for_any_restorer_where_d_is_linear_in_t():
    """D(x, t) = x + t * e (the paper's section 3.3): errors of R cancel in Algorithm 2 only."""
    x0, e = torch.randn(2, 3, 8, 8, dtype=torch.float64), torch.randn(2, 3, 8, 8, dtype=torch.float64)

    class Linear:
        T = 10

        def __call__(self, x, t):
            return x + t * e

    network = untrained().double()
    x_T = Linear()(x0, 10)
    assert torch.allclose(algorithm2(lambda x, s, start: network(x), Linear(), x_T), x0, atol=1e-10)
    assert not torch.allclose(algorithm1(lambda x, s, start: network(x), Linear(), x_T), x0, atol=0.1)


@pytest.mark.parametrize("task, dataset", TASKS)
def test_algorithm_2_unrolls_to_a_sum_for_linear_d(task, dataset):
    """x_0 = x_T + sum over s of (A_{s-1} - A_s) x0_hat_s, rounded once: rounding each of T states would be off by several times 1e-7."""
    x0, drawn, x_T = setting(task, dataset)
    network = untrained()
    path = algorithm2(lambda x, s, start: network(x), drawn, x_T, trajectory=True)
    predictions = zip(path.severities, [x0_hat.double() for x0_hat in path.x0_hat])
    total = x_T.double() + sum(drawn(x0_hat, s - 1) - drawn(x0_hat, s) for s, x0_hat in predictions)
    assert torch.allclose(path.result.double(), total, rtol=1e-7, atol=1e-8)


def test_super_resolution_repixelates_to_its_input_for_an_untrained_network():
    x0, drawn, x_T = setting("superres", "mnist")
    network = untrained()
    restored = algorithm2(lambda x, s, start: network(x), drawn, x_T)
    assert not torch.allclose(restored, x0, atol=0.1)
    assert torch.allclose(F.interpolate(F.avg_pool2d(restored, 8), scale_factor=8), x_T, atol=1e-5)


@pytest.mark.parametrize("name, predictions", [("direct", 1), ("algorithm1", 3), ("algorithm2", 3)])
def test_trajectory_holds_every_state(name, predictions):
    x0, drawn, x_T = setting("superres", "mnist")
    asked = []

    def restore(x, s, start):
        assert torch.equal(start, torch.full((2,), 3))
        asked.append(s)
        return x * 0.5

    path = SAMPLERS[name](restore, drawn, x_T, trajectory=True)
    assert path.severities == [3, 2, 1][:predictions] == [int(s[0]) for s in asked]
    assert all(s.shape == (2,) and s.dtype == torch.long for s in asked)
    assert len(path.x) == predictions + 1 and len(path.x0_hat) == predictions and torch.equal(path.x[0], x_T)
    assert torch.equal(path.result, SAMPLERS[name](restore, drawn, x_T))


def test_steps_can_be_skipped_and_started_lower():
    x0, drawn, _ = setting("deblur", "cifar10")
    path = algorithm2(lambda x, s, start: x, drawn, drawn(x0, 20), T=[20, 7, 1], trajectory=True)
    assert path.severities == [20, 7, 1]
    x0_hat = path.x0_hat[0].double()
    expected = (path.x[0].double() - drawn(x0_hat, 20) + drawn(x0_hat, 7)).float()
    assert torch.equal(path.x[1], expected)
    assert algorithm1(lambda x, s, start: x, drawn, drawn(x0, 5), T=5, trajectory=True).severities == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("T", [0, 51, 10 ** 13, 2 ** 63, [], [3, 3], [1, 2], [60, 1], [2, 0], 3.5, "40", {}])
def test_impossible_severities_get_one_line(T):
    _, drawn, x_T = setting("deblur", "cifar10")
    with pytest.raises(ValueError, match=r"give a severity in 1..50"):
        direct(lambda x, s, start: x, drawn, x_T, T=T)


def test_sampling_needs_no_gradient_and_leaves_the_mode_as_it_was():
    x0, drawn, x_T = setting("superres", "mnist")

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.modes = []

        def forward(self, x, s, start):
            self.modes.append(self.training)
            return self.conv(x)

    network = Network().train()
    assert not algorithm2(network, drawn, x_T).requires_grad
    assert network.modes == [False] * 3 and network.training
    with pytest.raises(RuntimeError):
        direct(network, drawn, x_T[:, :1])  # one channel is not enough for it
    assert network.training, "also where the network fails"
    for training in (True, False):
        wrapper = nn.DataParallel(network.train(training))  # as every new module it is in training itself
        algorithm2(wrapper, drawn, x_T)
        assert not any(network.modes) and network.training == training and wrapper.training


BEYOND = {"between": between, "mixed": mixed, "ddim": ddim, "projected": project_onto_measurement(algorithm2), "mirrored": mirrored(algorithm2)}


@pytest.mark.parametrize("name", BEYOND)
def test_what_lies_beyond_starts_and_steps_as_it_is_told(name):
    degrade, asked = make("noise" if name == "ddim" else "deblur", "cifar10", T=10), set()
    x0 = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    drawn = degrade.draw(2)
    x_T = degrade.draw(2, torch.Generator().manual_seed(1))(x0, 5)

    def restore(x, s, start):
        asked.add((int(s[0]), int(start[0])))
        return 0.5 * x

    path = BEYOND[name](restore, drawn, x_T, T=[5, 2], trajectory=True)
    assert path.severities == [5, 2] and asked == {(5, 5), (2, 5)}
    assert torch.equal(path.result, BEYOND[name](restore, drawn, x_T, T=[5, 2]))


@pytest.mark.parametrize("task, dataset", TASKS)
def test_the_family_and_the_mix_have_the_known_samplers_as_their_ends(task, dataset):
    _, drawn, x_T = setting(task, dataset)
    network = untrained()

    def restore(x, s, start):
        return 0.5 * network(x)

    ends = {name: sampler(restore, drawn, x_T) for name, sampler in SAMPLERS.items()}
    assert torch.allclose(between(restore, drawn, x_T, keep=0), ends["algorithm1"], atol=1e-5)
    assert torch.allclose(between(restore, drawn, x_T, keep=1), ends["algorithm2"], atol=1e-4)
    assert torch.equal(mixed(restore, drawn, x_T, share=0), ends["direct"]) and torch.equal(mixed(restore, drawn, x_T, share=1), ends["algorithm2"])
    path = mixed(restore, drawn, x_T, T=[drawn.T, 1], trajectory=True)
    assert path.severities == [drawn.T, 1] and torch.allclose(path.result, (path.x0_hat[0] + algorithm2(restore, drawn, x_T, T=[drawn.T, 1])) / 2, atol=1e-5)
    assert torch.equal(between(restore, drawn, x_T), between(restore, drawn, x_T, keep=0.5))
    assert torch.equal(mixed(restore, drawn, x_T), mixed(restore, drawn, x_T, share=0.5))
    middle = between(restore, drawn, x_T, T=[drawn.T], keep=0.5)  # one step
    assert torch.allclose(middle, ends["direct"] + 0.5 * (x_T - drawn(ends["direct"], drawn.T)), atol=1e-5)


@pytest.mark.parametrize("task, dataset", TASKS)
def test_consistent_predictions_agree_with_the_measurement(task, dataset):
    x0, drawn, x_T = setting(task, dataset)
    network = untrained()
    for sampler in (direct, algorithm1, algorithm2):
        path = project_onto_measurement(sampler)(lambda x, s, start: network(x), drawn, x_T, trajectory=True)
        plain = sampler(lambda x, s, start: network(x), drawn, x_T, trajectory=True)
        assert torch.allclose(path.x0_hat[0], drawn.project(plain.x0_hat[0].clamp(-1, 1), x_T), atol=1e-6)
        if (task, sampler) == ("superres", algorithm2):  # which keeps the measurement by itself
            assert torch.allclose(path.result, plain.result, atol=1e-4)
        else:
            assert (path.result - x0).norm() < (plain.result - x0).norm()
    loud = project_onto_measurement(direct)(lambda x, s, start: 9 * network(x), drawn, x_T)
    assert torch.equal(loud, drawn.project((9 * network(x_T)).detach().clamp(-1, 1), x_T))
    rounded = project_onto_measurement(direct, "8bit")(lambda x, s, start: 0 * x, drawn, x_T)
    assert torch.equal(rounded, drawn.project(0 * x_T, x_T, None, "8bit"))
    started_lower = project_onto_measurement(direct, "8bit")(lambda x, s, start: 0 * x, drawn, drawn(x0, 2), T=2)
    assert torch.equal(started_lower, drawn.project(0 * x0, drawn(x0, 2), 2, "8bit"))


def test_mirrored_predictions_treat_left_and_right_alike():
    _, drawn, x_T = setting("deblur", "cifar10")
    network = untrained()

    def restore(x, s, start):
        return network(x)

    restored = mirrored(direct)(restore, drawn, x_T)
    assert torch.allclose(restored, (network(x_T) + network(x_T.flip(-1)).flip(-1)) / 2, atol=1e-6)
    assert torch.allclose(mirrored(algorithm2)(restore, drawn, x_T.flip(-1), T=[50, 1]), mirrored(algorithm2)(restore, drawn, x_T, T=[50, 1]).flip(-1), atol=1e-4)
    assert not torch.allclose(direct(restore, drawn, x_T.flip(-1)), direct(restore, drawn, x_T).flip(-1), atol=1e-2)


def test_ddim_is_algorithm_2_with_the_noise_estimated_anew():
    degrade, network = make("noise", "cifar10", T=10), untrained()
    x_T = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    path = ddim(lambda x, s, start: network(x), degrade, x_T, trajectory=True)
    for k, s in enumerate(path.severities):
        estimated = degrade.estimate(path.x[k], path.x0_hat[k], s)
        assert torch.allclose(estimated(path.x0_hat[k], s), path.x[k], atol=1e-5)
        assert torch.allclose(path.x[k + 1], path.x[k] - estimated(path.x0_hat[k], s) + estimated(path.x0_hat[k], s - 1), atol=1e-5)
    assert torch.equal(path.result, path.x0_hat[-1])

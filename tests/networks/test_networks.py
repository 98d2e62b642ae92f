"""The small network, its preconditioner, and what a recipe builds."""
from functools import partial

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make, measure
from colddiff_nb.networks import SmallUNet, build, register
from colddiff_nb.networks.building import OWN_NETWORKS
from colddiff_nb.networks.preconditioner import Preconditioner
from colddiff_nb.sampling import algorithm2
from colddiff_nb.training import recipe
from colddiff_nb.weights import load_pretrained

PAIRS = [(task, dataset) for task in ("deblur", "superres", "inpaint") for dataset in ("mnist", "cifar10")]


@pytest.mark.parametrize("task, dataset", PAIRS)
def test_small_network_is_small_and_starts_as_its_preconditioner_says(task, dataset):
    choice = recipe("small", task, dataset)
    degrade = choice.degradation()
    network = choice.build(degrade)
    x_t = torch.randn(2, network.channels, 32, 32)
    with FlopCounterMode(display=False) as counter:
        x0_hat = network(x_t[:1], torch.tensor([2]), torch.tensor([2]))
    assert counter.get_total_flops() < 0.101e9
    assert 0.9e6 < sum(p.numel() for p in network.parameters()) < 1.1e6
    assert x0_hat.shape == x_t[:1].shape and x0_hat.dtype == torch.float32
    if task == "inpaint":
        assert torch.equal(x0_hat, x_t[:1].clamp(-2, 2))


@pytest.mark.parametrize("changes", [{}, {"time_input": False}, {"skips": False}])
def test_every_parameter_learns(changes):
    choice = recipe("smoke", "deblur", "photos", **changes)
    network = choice.build(choice.degradation())
    torch.nn.init.normal_(network.head.weight)
    network(torch.randn(2, 3, 32, 32), torch.tensor([1, 50])).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_without_time_the_severity_matters_to_the_preconditioner_only():
    choice = recipe("smoke", "inpaint", "mnist", time_input=False)
    network = choice.build(choice.degradation())
    torch.nn.init.normal_(network.head.weight)
    x = torch.randn(1, 1, 32, 32)
    assert torch.equal(network(x, torch.tensor([1])), network(x, torch.tensor([50])))  # gains are one before fit
    told = recipe("smoke", "inpaint", "mnist").build(choice.degradation())
    torch.nn.init.normal_(told.head.weight)
    assert not torch.equal(told(x, torch.tensor([1])), told(x, torch.tensor([50])))


def test_linear_estimate_inverts_a_mild_blur_and_survives_a_severe_one():
    degrade = make("deblur", "cifar10")
    precondition, x0 = Preconditioner(degrade, 3, "float32"), torch.rand(200, 3, 32, 32) * 2 - 1
    precondition.fit(degrade, x0)
    t = torch.full((200,), 5)
    assert torch.allclose(precondition.lmmse_estimate(degrade(x0, t), t), x0, atol=1e-3)
    t = torch.full((200,), 50)
    restored = precondition.lmmse_estimate(degrade(x0, t), t)
    assert restored.abs().max() < 10
    assert (restored - x0).square().mean() < 0.9 * (degrade(x0, t) - x0).square().mean()


def test_the_order_of_the_pixels_does_not_move_what_is_amplified():
    """A sum in float32 depends on it, hence on threads and machines, and a gain of 5,000 makes that large."""
    degrade = make("deblur", "mnist")
    precondition, x0 = Preconditioner(degrade, 1, "float32"), torch.rand(200, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    precondition.fit(degrade, x0)
    x_T, t = degrade(x0, degrade.T), torch.full((200,), degrade.T)
    order = torch.randperm(1024, generator=torch.Generator().manual_seed(1))
    centred, other = (precondition(x, t)[:, 1].flatten(1) for x in (x_T, x_T.flatten(2)[..., order].view_as(x_T)))
    assert precondition.gain[degrade.T] > 1000 and (centred[:, order] - other).abs().max() < 1e-5


def test_a_preconditioner_for_8_bits_stands_rounding_that_one_for_float32_does_not():
    degrade = make("deblur", "cifar10")
    x0, t = torch.rand(200, 3, 32, 32) * 2 - 1, torch.full((200,), 50)
    rounded, error = measure(degrade(x0, t), "8bit"), {}
    for name in ("float32", "8bit"):
        precondition = Preconditioner(degrade, 3, name)
        precondition.fit(degrade, x0)
        error[name] = (precondition.lmmse_estimate(rounded, t) - x0).square().mean()
    assert error["8bit"] < (rounded - x0).square().mean() < error["float32"]


def test_linear_estimate_is_the_linear_estimator_of_independent_coefficients():
    degrade = make("superres", "mnist", size=8, T=1)
    x0 = torch.randn(500, 1, 8, 8) * torch.linspace(0.1, 1, 8) + torch.linspace(-1, 1, 8)
    precondition = Preconditioner(degrade, 1, "8bit")
    precondition.fit(degrade, x0)
    kron = torch.kron(degrade.basis, degrade.basis)  # columns: the basis images
    C = kron @ torch.diag(precondition.spread.double().flatten().square()) @ kron.mT
    A, mean = torch.kron(degrade.matrices[1], degrade.matrices[1]), x0.mean(0).double().flatten()
    x_t = degrade(x0, 1).double().flatten(1)
    K = C @ A.mT @ torch.linalg.inv(A @ C @ A.mT + precondition.noise ** 2 * torch.eye(64, dtype=torch.float64))
    expected = mean + (x_t - A @ mean) @ K.mT
    found = precondition.lmmse_estimate(degrade(x0, 1), torch.ones(500, dtype=torch.long))
    assert torch.allclose(found.flatten(1).double(), expected, atol=1e-4)


@pytest.mark.parametrize("task, dataset", [("deblur", "mnist"), ("deblur", "cifar10"), ("superres", "cifar10")])
def test_what_was_measured_stays_as_measured_whatever_the_network_says(task, dataset):
    """D(x0_hat, t) is x_t to float32's last digits, so Algorithm 2 keeps what x_T tells."""
    choice = recipe("smoke", task, dataset)
    degrade = choice.degradation()
    network = choice.build(degrade)
    x0 = torch.rand(50, network.channels, 32, 32) * 2 - 1
    network.precondition.fit(degrade, x0)
    torch.nn.init.normal_(network.head.weight)
    for s in (1, degrade.T):
        x_s, t = degrade(x0, s), torch.full((50,), s)
        with torch.autocast("cpu", torch.bfloat16):
            x0_hat = network(x_s, t)
        if s == degrade.T:
            assert (x0_hat - network.precondition.lmmse_estimate(x_s, t)).std() > 1e-3
        assert torch.allclose(degrade(x0_hat, s), x_s, atol=1e-6)


def test_what_predictions_wrote_stays_open_to_correction_and_what_was_measured_stays():
    x0 = torch.rand(50, 1, 32, 32) * 2 - 1
    restored = {}
    for data_consistency in ("state", "measurement"):
        choice = recipe("smoke", "deblur", "mnist", data_consistency=data_consistency)
        degrade = choice.degradation()
        torch.manual_seed(0)
        network = choice.build(degrade).eval()
        network.precondition.fit(degrade, x0)
        torch.nn.init.normal_(network.head.weight, std=0.1)
        x_T = degrade(x0, 20)
        restored[data_consistency] = algorithm2(network, degrade, x_T, 20)
        assert torch.allclose(degrade(restored[data_consistency], 20), x_T, atol=1e-6), "what x_T tells, to float32's last digits"
        s = torch.full((50,), 1)
        again = network(degrade(x0, 1), s, torch.full_like(s, 20))
        assert torch.allclose(degrade(again, 1), degrade(x0, 1), atol=1e-6) == (data_consistency == "state")
    assert not torch.allclose(restored["state"], restored["measurement"], atol=1e-2)


def test_the_network_for_masks_can_undo_attenuation_by_a_gain():
    choice = recipe("smoke", "inpaint", "mnist")
    network = choice.build(choice.degradation())
    network.head.bias.data[:4] = torch.tensor(2.0).log()
    x_t = torch.randn(2, 1, 32, 32)
    assert torch.allclose(network(x_t, torch.tensor([1, 50])), (2 * x_t).clamp(-2, 2), atol=1e-6)
    network.head.bias.data[:4] = 1_000.0
    assert network(x_t.round(), torch.tensor([1, 50])).isfinite().all()  # also where x_t is 0


def test_preconditioner_keeps_float32_under_autocast_and_brings_channels_to_order_one():
    degrade = make("deblur", "mnist")
    precondition = Preconditioner(degrade, 1, "float32")
    x0 = (torch.rand(64, 1, 32, 32) > 0.8).float() * 2 - 1
    precondition.fit(degrade, x0)
    t = torch.full((64,), 40)
    outside = precondition(degrade(x0, t), t)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = precondition(degrade(x0, t), t)
    assert inside.dtype == torch.float32 and torch.equal(inside, outside)
    assert outside[:, 0].sub(outside[:, 0].mean((-1, -2), keepdim=True)).std() < 0.01  # nothing to see in x_t itself
    assert 0.5 < outside[:, 1].std() < 2


def test_named_recipes_are_the_papers():
    paper, report = recipe("paper", "deblur", "mnist"), recipe("report", "deblur", "mnist")
    for choice in (paper, report):
        assert (choice.network, choice.learning_rate, choice.batch, choice.accumulate, choice.ema) == ("paper", 2e-5, 32, 2, "paper")
        assert (choice.severities, choice.schedule, choice.clip, choice.precision, choice.rollout) == ("uniform", "constant", 0.0, "float32", 0.0)
    assert (paper.steps, report.steps, paper.images_seen) == (700_000, 200_000, 44_800_000)
    assert report.degradation().T == 40
    assert recipe("small", "deblur", "cifar10").flips and not recipe("small", "deblur", "mnist").flips


@pytest.mark.parametrize("call, message", [
    (lambda: recipe("huge", "deblur", "mnist"), "unknown recipe 'huge': choose one of smoke, quick, small, report, paper"),
    (lambda: recipe("quick", "sharpen", "mnist"), "unknown task 'sharpen'"),
    (lambda: recipe("quick", "deblur", "mnist", speed=1), "a recipe has no field speed"),
    (lambda: recipe("quick", "deblur", "mnist", loss="l3"), "unknown loss 'l3': choose one of l1, l2"),
    (lambda: recipe("quick", "deblur", "mnist", steps=0), "steps = 0: it must lie in 1..4,294,967,295"),
    (lambda: recipe("quick", "deblur", "mnist", rollout=2.0), "rollout = 2.0"),
    (lambda: recipe("quick", "deblur", "mnist", T=1_001), "T = 1001: give the largest severity, 1 to 1,000"),
    (lambda: recipe("quick", "superres", "mnist", T=9), "size = 32 cannot be halved T = 9 times"),
    (lambda: build("smal", make("superres"), 1), "unknown network 'smal': choose one of small, paper"),
    (lambda: SmallUNet(make("superres"), 1, data_consistency="x_T"), "unknown data_consistency 'x_T': choose one of state, measurement"),
    (lambda: SmallUNet(make("superres"), 1, measurement_precision="16bit"), "unknown measurement_precision '16bit': choose one of float32, 8bit, both"),
])
def test_bad_recipes_and_networks_get_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", ["small", "paper"])
@pytest.mark.parametrize(("dataset", "shape", "message"), [
    ("mnist", (1, 3, 32, 32), r"images \(1, 3, 32, 32\) do not fit this network: give \(B, 1, H, W\) with H and W multiples of 8"),
    ("cifar10", (1, 1, 32, 32), r"images \(1, 1, 32, 32\) do not fit this network: give \(B, 3, H, W\)"),
    ("mnist", (1, 1, 28, 28), r"images \(1, 1, 28, 28\) do not fit this network: .* multiples of 8"),
    ("cifar10", (3, 32, 32), r"images \(3, 32, 32\) do not fit")])
def test_images_that_a_network_cannot_take_get_one_line(network, dataset, shape, message):
    choice = recipe("smoke", "inpaint", dataset, network=network)
    with pytest.raises(ValueError, match=message):
        choice.build(choice.degradation())(torch.zeros(shape), torch.tensor([1]))
    with pytest.raises(ValueError, match="28, 28\\) do not fit"):
        choice.build(make("inpaint", dataset, size=28))


@pytest.mark.parametrize("task", ["superres", "deblur"])
def test_a_network_with_a_basis_takes_images_of_its_size_only(task):
    choice = recipe("smoke", task, "mnist")
    network = choice.build(choice.degradation())
    s = torch.tensor([1])
    with pytest.raises(ValueError, match=r"images \(1, 1, 40, 40\) do not fit this network: give \(B, 1, H, W\) with H and W 32 x 32 pixels"):
        network(torch.zeros(1, 1, 40, 40), s, s)


class Wrapped(torch.nn.Module):
    """As DistributedDataParallel and torch.compile wrap a network."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *inputs):
        return self.module(*inputs)


class TwoArguments(torch.nn.Module):
    def forward(self, x_s, s):
        return x_s


def test_a_wrapped_network_restores_the_same_or_says_that_it_cannot():
    network, degrade, _ = load_pretrained("deblur", "mnist")
    x_T = degrade(to_float(load("mnist5k", "test").pixels[:4]), 20)
    expected = algorithm2(network, degrade, x_T, [20, 3, 1])
    for wrapped in (Wrapped(network), partial(network), lambda x_s, s, start: network(x_s, s, start)):
        assert torch.equal(algorithm2(wrapped, degrade, x_T, [20, 3, 1]), expected)
    for two_arguments in (lambda x_s, s: network(x_s, s), TwoArguments()):
        with pytest.raises(TypeError, match=r"takes \d positional arguments but \d were given"):
            algorithm2(two_arguments, degrade, x_T, 20)
    with pytest.raises(ValueError, match="must know where the sampler started"):
        algorithm2(lambda x_s, s, start: network(x_s, s), degrade, x_T, 20)


@pytest.mark.parametrize("task, options", [("mean", {}), ("noise", {}), ("line", {}), ("snow", {}), ("decolour", {}),
                                           ("superres", {"pooling": "bicubic"})])
def test_every_task_can_be_trained(task, options):
    """The preconditioner of a flat x_T is finite too."""
    choice = recipe("smoke", task, "photos", **options)
    degrade = choice.degradation()
    network, x0 = choice.build(degrade), torch.rand(4, 3, 32, 32) * 2 - 1
    network.precondition.fit(degrade, x0)
    torch.nn.init.normal_(network.head.weight)
    t = torch.tensor([1, 2, degrade.T, degrade.T])
    loss = (network(degrade.draw(4)(x0, t), t) - x0).abs().mean()
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def rotated(svd):
    """Another answer of LAPACK's, as exact: where singular values are equal, any rotation of their vectors is one too."""
    def decompose(A, *arguments, **options):
        U, S, Vh = svd(A, *arguments, **options)
        same = (S.unsqueeze(-1) - S.unsqueeze(-2)).abs() < 1e-9  # (..., k, k): blocks of equal values
        noise = torch.randn(S.shape[-1], S.shape[-1], generator=torch.Generator().manual_seed(0), dtype=S.dtype)
        turn = torch.matrix_exp(torch.where(same, noise - noise.mT, 0))
        return U @ turn, S, turn.mT @ Vh
    return decompose


@pytest.mark.parametrize("task, dataset, precision", [
    ("deblur", "mnist", "float32"), ("deblur", "mnist", "8bit"), ("deblur", "cifar10", "8bit"), ("superres", "mnist", "float32")])
def test_shipped_weights_predict_the_same_with_another_linear_algebra_and_other_threads(task, dataset, precision, monkeypatch):
    offline = {"mnist": "mnist5k", "cifar10": "photos"}[dataset]
    network, degrade, _ = load_pretrained(task, dataset, precision)
    x0 = to_float(load(offline, "test").pixels[:20])
    x_T = measure(degrade(x0, degrade.T), precision)
    T = torch.full((20,), degrade.T)
    expected = network(x_T, T, T)
    monkeypatch.setattr(torch.linalg, "svd", rotated(torch.linalg.svd))
    for name in ("eigh", "eig", "qr"):
        monkeypatch.setattr(torch.linalg, name, lambda *ignored, name=name, **options: pytest.fail(f"{name} at load time"))
    other, degrade, _ = load_pretrained(task, dataset, precision)
    assert torch.allclose(other(x_T, T, T), expected, rtol=0, atol=1e-5)
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))
    try:
        assert torch.allclose(other(x_T, T, T), expected, rtol=0, atol=2e-4)
    finally:
        torch.set_num_threads(threads)


def test_recipes_find_a_network_of_your_own(monkeypatch):
    monkeypatch.setitem(OWN_NETWORKS, "plain", None)  # taken out again afterwards
    register("plain", lambda channels, size, T: torch.nn.Conv2d(channels, channels, T))
    chosen = recipe("smoke", "superres", "photos", network="plain", size=16)
    network = chosen.build(chosen.degradation())
    assert network.weight.shape == (3, 3, 3, 3) and (network.size, network.T) == (16, 3)
    with pytest.raises(ValueError, match="small is a network of the package: register yours under another name"):
        register("small", torch.nn.Identity)

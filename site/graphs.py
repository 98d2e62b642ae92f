"""The shipped networks and their degradations as ONNX graphs: nothing is written again in JavaScript."""
import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnxscript import optimizer
from torch import Tensor, nn

from colddiff_nb.degradations import measure
from colddiff_nb.degradations.bases import Linear
from colddiff_nb.weights import load_pretrained
from colddiff_nb.weights.pretrained import pretrained_file


class Restore(nn.Module):
    """A network as the page calls it: severities are float32, which JavaScript handles best."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
        return self.network(x_s, s.long(), start.long())


class Degrade(nn.Module):
    """D(x0, t) in float64, and what an 8-bit image keeps of it; centre (row, column) is that of a mask."""

    def __init__(self, degradation: Linear):
        super().__init__()
        self.degradation = degradation

    def forward(self, x0: Tensor, t: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
        severity = t.long()
        # By gains: the matrices that Separable applies would be ten times as large a file.
        x_t = Linear.apply_at(self.degradation, x0, severity, centre.long())
        x_t = torch.where(severity.view(-1, 1, 1, 1) == 0, x0, x_t)
        return x_t, measure(x_t.float(), "8bit")


def graphs(task: str, data: str) -> dict[str, onnx.ModelProto]:
    """Return a pair's graphs by name.

    degrade: x0 float64 (1, C, 32, 32), t (1,), centre (1, 2) -> x_t float64, measured float32.
    restore: x_s float32, s (1,), start (1,), the severity that the sampler started from -> x0_hat float32.
    restore-8bit: the same, for the pairs that have a model of their own for 8 bits.
    """
    network, degradation, _ = load_pretrained(task, data)
    x = torch.zeros(1, network.channels, degradation.size, degradation.size)
    # Were s and start one tensor, the exporter would take them for one input.
    guess = {"x_s": x, "s": torch.ones(1), "start": torch.ones(1)}
    made = {"degrade": export(Degrade(degradation), ["x_t", "measured"],
                              x0=x.double(), t=torch.ones(1), centre=torch.ones(1, 2)),
            "restore": export(Restore(network), ["x0_hat"], **guess)}
    if pretrained_file(task, data, "8bit") != pretrained_file(task, data):
        network = load_pretrained(task, data, "8bit")[0]
        made["restore-8bit"] = export(Restore(network), ["x0_hat"], **guess)
    return made


def export(module: nn.Module, outputs: list[str], **inputs: Tensor) -> onnx.ModelProto:
    program = torch.onnx.export(
        module.eval(), tuple(inputs.values()), input_names=list(inputs), output_names=outputs,
        opset_version=18, dynamo=True, optimize=False, verbose=False)
    assert program is not None  # it is where no file is named
    # The exporter's own optimiser takes the variance of float32's rounding, 4e-16, for zero and drops it.
    optimizer.inline(program.model)
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    return halved(program.model_proto)


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store float32 weights as float16 behind a cast, where that loses nothing."""
    for weight in model.graph.initializer:
        name, value = weight.name, numpy_helper.to_array(weight)
        if value.dtype == np.float32 and value.size >= 64 and np.array_equal(value.astype(np.float16), value):
            weight.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}_half"))
            cast = helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT)
            model.graph.node.insert(0, cast)
    return model

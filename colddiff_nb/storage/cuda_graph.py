"""A step recorded once as a CUDA graph, then replayed: its many small operations become one launch."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

WARM_UP = 3  # calls before the recording: they choose algorithms and allocate


class Replayed:
    """Calls a function of CUDA tensors, records it at the fourth call, and replays it from then on.

    The function may change tensors in place, such as weights. It must not wait for the GPU, and must get
    tensors of the same shapes each time. What it returns is overwritten by the next call.

    Args:
        optimizers: those that step in the function; a learning rate that changes must be a tensor.

    Raises:
        ValueError: at the fourth call: the function cannot be recorded.
    """

    def __init__(self, function: Callable[..., Tensor], optimizers: list[Any]):
        self.function, self.optimizers, self.calls = function, optimizers, 0
        self.beside = torch.cuda.Stream()

    def __call__(self, *inputs: Tensor) -> Tensor:
        self.calls += 1
        if self.calls <= WARM_UP:
            return self.warm_up(inputs)
        if self.calls == WARM_UP + 1:
            self.record(inputs)
        for kept, given in zip(self.inputs, inputs, strict=True):
            kept.copy_(given)
        self.graph.replay()
        return self.output

    def warm_up(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Call the function on a stream beside the usual one, as PyTorch asks."""
        usual = torch.cuda.current_stream()
        self.beside.wait_stream(usual)
        with torch.cuda.stream(self.beside):
            output = self.function(*inputs)
        usual.wait_stream(self.beside)
        return output

    def record(self, inputs: tuple[Tensor, ...]) -> None:
        """Note what the function does, without doing it."""
        self.inputs, self.graph = [torch.empty_like(given) for given in inputs], torch.cuda.CUDAGraph()
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        for group in groups:
            group["capturable"] = True  # Adam asks for it
        try:
            with torch.cuda.graph(self.graph):
                self.output = self.function(*self.inputs)
        except RuntimeError as error:
            for cause in (error, error.__context__):
                if isinstance(cause, torch.cuda.OutOfMemoryError):
                    raise cause from None
            raise ValueError("the step cannot be recorded, perhaps since the network waits for the GPU: "
                             "set cuda_graph = False, in a new process") from error
        for group in groups:
            group["capturable"] = False  # or it would warn where it steps without a graph

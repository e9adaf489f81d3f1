"""Other ways to run the same op: torch.compile and the ONNX Runtime, one thread, into an output that exists already."""

import os
import shutil
from collections.abc import Callable

import numpy as np
import torch

from labkit.bench.harness import Call

COMPILERS = ("c++", "g++", "clang++")


def torch_compiled(function: Callable, *tensors: torch.Tensor) -> Call | str:
    """`function(*tensors)` compiled by Inductor and written into an own output, or a sentence why it cannot be."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS)):
        return "torch.compile needs a C++ compiler, and this machine has none"
    with torch.no_grad():
        out = torch.empty_like(function(*tensors))
    torch._dynamo.reset()

    @torch.compile
    def into(out, *tensors):
        out.copy_(function(*tensors))

    def call():
        with torch.no_grad():
            into(out, *tensors)

    try:
        call()
    except Exception as error:  # whatever stops a compiler must not stop the bench
        return f"torch.compile failed: {_first_line(error)}"
    return call


def onnx_node(operator: str, inputs: dict[str, np.ndarray], **attributes) -> Call | str:
    """One ONNX operator as a graph of its own, bound to its inputs and an output."""
    return onnx_session(onnx_model([(operator, list(inputs), "y", attributes)], inputs), inputs)


def onnx_model(steps: list[tuple[str, list[str], str, dict]], inputs: dict[str, np.ndarray]) -> bytes:
    """A graph of steps (operator, its inputs, its output, attributes). Its output y has the first input's shape."""
    from onnx import TensorProto, helper

    def value(name: str, shape: tuple):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        [helper.make_node(operator, names, [output], **attributes) for operator, names, output, attributes in steps],
        "op",
        [value(name, array.shape) for name, array in inputs.items()],
        [value("y", next(iter(inputs.values())).shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()


def onnx_session(model: bytes, inputs: dict[str, np.ndarray]) -> Call | str:
    """A model bound to its inputs and to an output y shaped like the first of them, on as many threads as torch has."""
    import onnxruntime

    out = np.empty_like(next(iter(inputs.values())))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # an operator that this version does not have
        return f"onnxruntime cannot open the graph: {_first_line(error)}"
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    binding.bind_output("y", "cpu", 0, out.dtype, out.shape, out.ctypes.data)
    arrays = (*inputs.values(), out)  # the binding holds addresses only
    return lambda arrays=arrays: session.run_with_iobinding(binding)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""ExecuTorch: what torch's runtime for small devices executes, with XNNPACK's kernels where there is one.

Nothing is allocated while it runs: all memory is planned here, for the largest batch that there can be.
"""

import math

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import ExecutorchProgramManager, to_edge_transform_and_lower

from labkit.serving.formats.source import Source, Written

MAX_ROWS = 32


def write(source: Source) -> Written:
    """A model.pte for batches of 1 to 32 rows."""
    # Traced at the largest batch: some of torch's rules depend on the rows, as one for convolutions that changes at
    # 16. A trace at 2 rows then holds below 16, and memory would be planned for 15, whatever was asked for.
    program = source.program(rows=MAX_ROWS, most=MAX_ROWS)
    program = program.run_decompositions({torch.ops.aten.gelu.default: spelled_out})
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    return Written(lowered.buffer, planned_rows(lowered))


def spelled_out(x: torch.Tensor, *, approximate: str = "none") -> torch.Tensor:
    """GELU by tanh in smaller operations (Hendrycks & Gimpel 2016); the one by erf stays as it is.

    XNNPACK has the one by erf alone, and ExecuTorch 1.5.1 gives it the other as well, without a word: each activation
    is then off by up to 0.0005, and the writer's logits by 0.007.
    """
    if approximate != "tanh":
        return NotImplemented
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def planned_rows(lowered: ExecutorchProgramManager) -> int:
    """The rows that memory is planned for, of the input as the file has it."""
    program = lowered.exported_program()
    (name,) = program.graph_signature.user_inputs
    node = next(node for node in program.graph.nodes if node.name == name)
    return int(node.meta["spec"].shape[0])

"""The course's ops, a file each: the oracle, the ladder that leads to the machine's limit, and the public call.

Arrays are NumPy's, float32 and C-contiguous unless an op says otherwise; every `out` is optional, and shares no memory
with an input. Importing compiles nothing. Each function has the name of its file, so take rungs with
`from labkit.kernels.softmax import online`.
"""

from labkit.kernels.adamw import adamw_step
from labkit.kernels.attention import attention
from labkit.kernels.bias_gelu import bias_gelu, bias_gelu_backward
from labkit.kernels.cross_entropy import cross_entropy
from labkit.kernels.int8 import int8_matmul, int8_matvec, quantize_int8
from labkit.kernels.jit import set_threads, threads
from labkit.kernels.layer_norm import layer_norm, layer_norm_backward
from labkit.kernels.matmul import matmul
from labkit.kernels.parse_csv import parse_csv
from labkit.kernels.prepare_images import prepare_images
from labkit.kernels.softmax import softmax

__all__ = [
    "adamw_step",
    "attention",
    "bias_gelu",
    "bias_gelu_backward",
    "cross_entropy",
    "int8_matmul",
    "int8_matvec",
    "layer_norm",
    "layer_norm_backward",
    "matmul",
    "parse_csv",
    "prepare_images",
    "quantize_int8",
    "set_threads",
    "softmax",
    "threads",
]

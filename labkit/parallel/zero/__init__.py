"""ZeRO: data parallelism whose ranks share what would else be n times the same (Rajbhandari et al. 2020, section 5).

    stage 0   parameters, gradients, moments on every rank       16 P           bytes a rank (float32, AdamW)
    stage 1   the moments sharded                                 8 P +  8 P/n
    stage 2   the gradients too                                   4 P + 12 P/n
    stage 3   the parameters too                                        16 P/n

One stage a file: `stage1` -> `stage2` -> `stage3`; `flat` is the vector that is cut into shards.

    optimizer = Stage1(model, lr=1e-3)
    loss(model, part_of_the_batch).backward()
    optimizer.step()
"""

from labkit.parallel.zero.stage import StateBytes, formula
from labkit.parallel.zero.stage1 import Stage1
from labkit.parallel.zero.stage2 import Stage2
from labkit.parallel.zero.stage3 import Stage3

__all__ = ["Stage1", "Stage2", "Stage3", "StateBytes", "formula"]

"""torch: the trace itself, which a Python process with torch runs operation by operation."""

import io
import json
from pathlib import Path

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from labkit.serving.formats.source import Source, Written

NAMES_FILE = "names.json"  # inside of model.pt2; torch's own format keeps no names of outputs


def write(source: Source) -> Written:
    """A model.pt2."""
    program = source.program()
    program.example_inputs = None  # it would be kept in the file, whosever photo it is
    forget_sources(program)
    content = io.BytesIO()  # and not a path: its name would be kept too
    names = json.dumps({"inputs": source.inputs, "outputs": source.outputs})
    torch.export.save(program, content, extra_files={NAMES_FILE: names})
    return Written(content.getvalue())


def read(path: Path) -> tuple[ExportedProgram, dict[str, list[str]]]:
    """The program of a model.pt2, and the names of its `inputs` and `outputs`."""
    extra = {NAMES_FILE: ""}
    program = torch.export.load(path, extra_files=extra)
    return program, json.loads(extra[NAMES_FILE])


def forget_sources(program: ExportedProgram) -> None:
    """Take out where in the author's folders each operation was written; it would change the hash, too."""
    for module in program.graph_module.modules():  # a branch that is decided later has a graph of its own
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            for note in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "custom"):
                node.meta.pop(note, None)

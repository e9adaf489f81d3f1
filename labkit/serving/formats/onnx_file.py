"""ONNX: the graph and its weights in one file that many engines read, whoever wrote it."""

import onnx
import torch

from labkit.serving.formats.source import Source, Written

# What torch's exporter is written in; a lower one would be a conversion, a higher one is not read everywhere.
OPSET = 18


def write(source: Source) -> Written:
    """A model.onnx whose first dimension is free in input and outputs."""
    program = torch.onnx.export(
        source.module,
        (source.batch(2),),  # with one row, torch.export would take 1 for a constant
        dynamo=True,
        input_names=list(source.inputs),
        output_names=list(source.outputs),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=OPSET,
        verbose=False,
    )
    graph = program.model_proto
    forget_sources(graph)
    onnx.checker.check_model(graph)
    return Written(graph.SerializeToString(deterministic=True))


def forget_sources(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes of where the code lay: it names the author's folders, and changes the hash."""
    for owner in (model, model.graph, *model.functions):
        owner.ClearField("metadata_props")
        owner.ClearField("doc_string")
    for graph in (model.graph, *model.functions):
        parts = [graph.node, graph.value_info]
        if isinstance(graph, onnx.GraphProto):
            parts += [graph.input, graph.output, graph.initializer]
        for part in (entry for entries in parts for entry in entries):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")

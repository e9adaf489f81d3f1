"""The protocol as an OpenAPI 3.1 description of one model directory: every path, every answer, every refusal.

The Open Inference Protocol's own description leaves out most statuses; here each is declared, so that a tool which
reads it (schemathesis, in the tests) can hold the C++ server to it. Requests are described with one row and JSON data:
the binary extension ties the body to a header, which OpenAPI cannot say.
"""

import math
from pathlib import Path

from labkit import __version__
from labkit.serving import manifest
from labkit.serving.engines import model_folders
from labkit.serving.tensors import Tensor

# The smallest numbers that are rounded to infinity: half a step above the largest.
LIMITS = {"FP16": 65520.0, "FP32": 2.0**128 - 2.0**103}
REFUSALS = {
    400: "The request is not what the model takes; the sentence says what is wrong.",
    404: "There is no such model, or no such version of it.",
    405: "The path has another method.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    415: "The body is compressed.",
    431: "The headers are too large.",
    500: "The model answered with NaN, or the engine failed.",
    503: "The queue is full, or the server is about to end; Retry-After says when to come back.",
    504: "The request waited past its deadline.",
}
EVERYWHERE = (400, 405, 408, 413, 431, 503)


def describe(directory: Path) -> dict:
    """The description of every model in a directory. Raises WrongUse where there is none."""
    promises = [manifest.read(folder) for folder in model_folders(directory)]
    paths = {"/v2": get("server metadata", server_metadata()), "/v2/": get("server metadata", server_metadata())}
    paths["/v2/health/live"] = get("alive", flags("live"))
    paths["/v2/health/ready"] = get("ready", flags("ready"))
    paths["/metrics"] = get("metrics", None)
    for promise in promises:
        for path in (f"/v2/models/{promise.name}", f"/v2/models/{promise.name}/versions/{promise.version}"):
            paths[path] = get("model metadata", model_metadata())
            paths[f"{path}/ready"] = get("model ready", flags("ready", "name"))
            paths[f"{path}/infer"] = infer(promise)
    paths["/v2/models/{name}"] = unknown_model()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Open Inference Protocol v2", "version": __version__},
        "paths": paths,
        "components": {"responses": {str(status): refusal(status) for status in REFUSALS}},
    }


def get(summary: str, schema: dict | None) -> dict:
    """An operation without a body; schema None: the answer is text."""
    content = {"application/json": {"schema": schema}} if schema else {"text/plain": {"schema": {"type": "string"}}}
    answers = {"200": {"description": summary, "content": content}} | refusals(*EVERYWHERE)
    if schema and "ready" in schema["properties"]:
        answers["503"] = {"description": "It is about to end.", "content": content}
    return {"get": {"summary": summary, "responses": answers}}


def unknown_model() -> dict:
    parameter = {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^none-[a-z]+$"},
    }
    return {"get": {"summary": "no model", "parameters": [parameter], "responses": refusals(404, *EVERYWHERE)}}


def infer(promise: manifest.Manifest) -> dict:
    answer = {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"const": promise.name},
            "model_version": {"const": promise.version},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": {"anyOf": [tensor(output) for output in promise.outputs]}},
        },
    }
    return {
        "post": {
            "summary": "infer",
            "requestBody": {"required": True, "content": {"application/json": {"schema": question(promise)}}},
            "responses": {"200": {"description": "the answer", "content": {"application/json": {"schema": answer}}}}
            | refusals(*REFUSALS),
        }
    }


def question(promise: manifest.Manifest) -> dict:
    named = [
        {"type": "object", "required": ["name"], "properties": {"name": {"const": out.name}}} for out in promise.outputs
    ]
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {
                "type": "array",
                "prefixItems": [tensor(each) for each in promise.inputs],
                "items": False,
                "minItems": len(promise.inputs),
            },
            "outputs": {"type": "array", "prefixItems": named, "items": False},
            "parameters": {
                "type": "object",
                "properties": {"binary_data_output": {"const": False}, "timeout": {"type": "integer", "const": 0}},
            },
        },
    }


def tensor(promised: Tensor) -> dict:
    """One row of a tensor, its data flat."""
    size = math.prod(promised.shape[1:])
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": promised.name},
            "shape": {"const": [1, *promised.shape[1:]]},
            "datatype": {"const": promised.datatype},
            "data": {"type": "array", "items": number(promised), "minItems": size, "maxItems": size},
        },
    }


def number(promised: Tensor) -> dict:
    if limit := LIMITS.get(promised.datatype):
        return {"type": "number", "exclusiveMinimum": -limit, "exclusiveMaximum": limit}
    if promised.datatype == "FP64":
        return {"type": "number"}
    low, high = promised.limits
    return {"type": "integer", "minimum": low, "maximum": high}


def server_metadata() -> dict:
    texts = {"type": "array", "items": {"type": "string"}}
    return thing({"name": {"type": "string"}, "version": {"type": "string"}, "extensions": texts})


def model_metadata() -> dict:
    promised = thing({"name": {"type": "string"}, "datatype": {"type": "string"}, "shape": {"type": "array"}})
    tensors, texts = {"type": "array", "items": promised}, {"type": "array", "items": {"type": "string"}}
    texts_only = {"name": {"type": "string"}, "platform": {"type": "string"}}
    return thing(texts_only | {"versions": texts, "inputs": tensors, "outputs": tensors, "labels": texts})


def flags(flag: str, *texts: str) -> dict:
    return thing({flag: {"type": "boolean"}, **{text: {"type": "string"} for text in texts}})


def thing(properties: dict) -> dict:
    """An object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def refusal(status: int) -> dict:
    error = thing({"error": {"type": "string"}})
    return {"description": REFUSALS[status], "content": {"application/json": {"schema": error}}}


def refusals(*statuses: int) -> dict:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}

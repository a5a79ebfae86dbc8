"""Generate the OpenAPI 3.1 document of the gateway: one path per job type, with the contract as the body."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from nightshift.contract.message import Message
from nightshift.documents.schemas import tidy
from nightshift.gateway.auth.scopes import SCOPES
from nightshift.gateway.documented import ANY_PROBLEM, WITH_CREDENTIALS, Answer, Body, Documented, Parameter
from nightshift.gateway.documents.documented import everything
from nightshift.gateway.problems import CONTENT_TYPE, PROBLEMS, ProblemBody

Content = dict[str, Any]
Examples = Mapping[str, Content]
"""Of a job type: valid bodies, each under a name, as OpenAPI has them."""
_REFERENCE = "#/components/schemas/{name}"
_PROBLEM_CONTENT: Content = {CONTENT_TYPE: {"schema": {"$ref": _REFERENCE.format(name=ProblemBody.__name__)}}}
_AREAS = {
    "jobs": "Enqueue jobs, ask for their state, take them back.",
    "files": "Upload files, ask what became of them, download them.",
    "webhooks": "Events of third parties, verified by their signatures.",
    "documents": "What the gateway says about itself.",
}


def document(
    version: str,
    messages: Mapping[str, type[Message]],
    further: Iterable[Documented] = (),
    examples: Examples | None = None,
) -> Content:
    """Return the document of a gateway that takes these jobs; `further` are the application's own operations."""
    operations = list(everything(messages, further))
    examples = examples or {}
    areas = [area for area in _AREAS if any(operation.area == area for operation in operations)]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Nightshift gateway",
            "version": version,
            "description": "Background jobs, files and third-party events over HTTP. A success means that it is on a "
            "disk of ours, whatever dies next. Everything else is a problem (RFC 9457) with a `code`; the codes are "
            "listed at `/docs`. Which of the job types are taken is a setting.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": [{"name": area, "description": _AREAS[area]} for area in areas],
        "paths": _paths(operations, examples),
        "components": {
            "securitySchemes": {"key": _security()},
            "schemas": _schemas(operations),
        },
    }


def _paths(operations: Iterable[Documented], examples: Examples) -> Content:
    paths: Content = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, examples)
    return paths


def _operation(operation: Documented, examples: Examples) -> Content:
    content: Content = {"operationId": operation.name, "tags": [operation.area], "summary": operation.summary}
    if operation.description:
        content["description"] = operation.description
    content["security"] = [] if operation.scope is None else [{"key": [operation.scope]}]
    if operation.parameters:
        content["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        content["requestBody"] = _body(operation.body, examples)
    answers = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    content["responses"] = {**answers, **_problems(operation), "default": _any_problem()}
    return content


def _parameter(parameter: Parameter) -> Content:
    content: Content = {"name": parameter.name, "in": parameter.place, "description": parameter.description}
    if parameter.place == "path":
        content["required"] = True
    content["schema"] = _resolved(parameter.schema)
    return content if parameter.example is None else {**content, "example": parameter.example}


def _body(body: Body, known: Examples) -> Content:
    examples = known.get(body.of_job_type, {})
    content = {
        media: {"schema": _resolved(kind)} | ({"examples": examples} if examples else {})
        for media, kind in body.content.items()
    }
    return {
        "required": body.required,
        "content": content,
        **({"description": body.description} if body.description else {}),
    }


def _answer(answer: Answer) -> Content:
    content: Content = {"description": answer.description}
    if answer.headers:
        content["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in answer.headers.items()
        }
    if answer.content:
        content["content"] = {media: {"schema": _resolved(kind)} for media, kind in answer.content.items()}
    return {**content, "links": dict(answer.links)} if answer.links else content


def _problems(operation: Documented) -> Content:
    """Return the problems of an operation by status: a status may have several codes."""
    common = (*ANY_PROBLEM, *(WITH_CREDENTIALS if operation.scope is not None else ()))
    found: dict[int, list[str]] = {}
    for code in dict.fromkeys((*operation.problems, *common)):
        found.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _problem(codes) for status, codes in sorted(found.items())}


def _problem(codes: list[str]) -> Content:
    lines = [f"`{code}`: {PROBLEMS[code].meaning}" for code in codes]
    return {"description": "\n\n".join(lines), "content": _PROBLEM_CONTENT}


def _any_problem() -> Content:
    return {"description": "Any other problem.", "content": _PROBLEM_CONTENT}


def _security() -> Content:
    scopes = "; ".join(f"`{scope}`: {meaning}" for scope, meaning in SCOPES.items())
    return {
        "type": "http",
        "scheme": "bearer",
        "description": f"An API key (`nightshift keys create`), or a token of the identity provider. Scopes: {scopes}.",
    }


def _schemas(operations: list[Documented]) -> Content:
    sent = [kind for operation in operations if operation.body for kind in _classes(operation.body.content)]
    answered = [
        kind for operation in operations for answer in operation.answers.values() for kind in _classes(answer.content)
    ]
    _, components = msgspec.json.schema_components(
        list(dict.fromkeys([*sent, *answered, ProblemBody])), ref_template=_REFERENCE
    )
    closed = (
        msgspec.json.schema_components(list(dict.fromkeys(sent)), ref_template=_REFERENCE)[1].keys() if sent else ()
    )
    schemas = {name: tidy(components[name]) for name in sorted(components)}
    for name in closed:  # what a client sends has no field that is not known
        if schemas[name].get("type") == "object":
            schemas[name]["additionalProperties"] = False
            for field in schemas[name].get("properties", {}).values():
                field.pop("default", None)  # to some generators of clients it says that the field is always there
    return schemas


def _classes(value: Any) -> Iterator[type[msgspec.Struct]]:
    """Yield the classes that stand in a schema."""
    if isinstance(value, type):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _classes(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _classes(part)


def _resolved(value: Any) -> Any:
    """Return a schema with references where classes stood."""
    if isinstance(value, type):
        return {"$ref": _REFERENCE.format(name=value.__name__)}
    if isinstance(value, Mapping):
        return {key: _resolved(part) for key, part in value.items()}
    return [_resolved(part) for part in value] if isinstance(value, list | tuple) else value

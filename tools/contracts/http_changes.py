"""Find what a newer OpenAPI document of the gateway takes back that an older one gave its clients."""

from collections.abc import Iterator
from typing import Any

from tools.contracts.compatibility import narrowings, widenings

Content = dict[str, Any]
_DEFINITIONS = "$defs"


def taken_back_over_http(old: Content, new: Content) -> Iterator[str]:
    """Yield a line for each operation, parameter, body or answer that clients of the old document cannot rely on."""
    for path, item in old.get("paths", {}).items():
        for method, before in item.items():
            name = f"{method.upper()} {path}"
            after = new.get("paths", {}).get(path, {}).get(method)
            if after is None:
                yield f"{name}: operation gone"
                continue
            yield from (f"{name}: {line}" for line in _operation(_Side(before, old), _Side(after, new)))


class _Side:
    """An operation, with the schemas that it refers to."""

    def __init__(self, operation: Content, document: Content) -> None:
        self.operation = operation
        self._definitions = document.get("components", {}).get("schemas", {})

    def schema(self, schema: Content) -> Content:
        """Return a schema of it that stands alone."""
        return {**schema, _DEFINITIONS: self._definitions}

    def parameters(self) -> dict[tuple[str, str], Content]:
        """Return its parameters by place and name."""
        return {(one["in"], one["name"]): one for one in self.operation.get("parameters", ())}

    def body(self) -> dict[str, Content]:
        """Return the schemas of its body by media type."""
        content = self.operation.get("requestBody", {}).get("content", {})
        return {media: self.schema(one["schema"]) for media, one in content.items()}

    def answers(self) -> dict[tuple[str, str], Content]:
        """Return the schemas of its successes by status and media type."""
        return {
            (status, media): self.schema(one["schema"])
            for status, answer in self.operation["responses"].items()
            if status.startswith("2")
            for media, one in answer.get("content", {}).items()
        }

    def successes(self) -> set[str]:
        """Return the statuses of its successes."""
        return {status for status in self.operation["responses"] if status.startswith("2")}


def _operation(old: _Side, new: _Side) -> Iterator[str]:
    yield from _parameters(old, new)
    yield from _bodies(old, new)
    if old.operation.get("security") != new.operation.get("security"):
        yield f"other scopes needed: was {old.operation.get('security')}, is {new.operation.get('security')}"
    if old.operation.get("operationId") != new.operation.get("operationId"):
        yield f"renamed from {old.operation.get('operationId')}: generated clients call it by its name"
    for status in sorted(old.successes() ^ new.successes()):
        yield f"success {status} {'gone' if status in old.successes() else 'is new'}"
    answers = new.answers()
    for key, schema in old.answers().items():
        if key not in answers:
            yield f"answer {' '.join(key)} gone"
            continue
        yield from (f"answer {key[0]}: {line}" for line in widenings(schema, answers[key]))
        yield from (f"answer {key[0]}: {line}" for line in narrowings(schema, answers[key]) if "field removed" in line)


def _parameters(old: _Side, new: _Side) -> Iterator[str]:
    before, after = old.parameters(), new.parameters()
    for key, parameter in before.items():
        if key not in after:
            yield f"parameter {key[1]} gone"
            continue
        found = narrowings(old.schema(parameter["schema"]), new.schema(after[key]["schema"]))
        yield from (f"parameter {key[1]}: {line}" for line in found)
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"parameter {key[1]} is required now"


def _bodies(old: _Side, new: _Side) -> Iterator[str]:
    before, after = old.body(), new.body()
    for media, schema in before.items():
        if media not in after:
            yield f"body {media} no longer taken"
        else:
            yield from (f"body: {line}" for line in narrowings(schema, after[media]))
    required = "requestBody" in new.operation and new.operation["requestBody"].get("required")
    if required and not old.operation.get("requestBody", {}).get("required"):
        yield "a body is required now"

"""Find what a newer JSON Schema refuses that an older one accepted: breaking changes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nightshift.documents.patterns import portable
from nightshift.documents.schemas import Schema, branches

_LOWER = {"minLength": "shortest length", "minimum": "least value", "minItems": "least number of items"}
_UPPER = {"maxLength": "longest length", "maximum": "greatest value", "maxItems": "greatest number of items"}
_EXACT = {"pattern": "pattern", "format": "format", "multipleOf": "step"}
TakesMore = Callable[[str, str], bool]
"""Whether a published pattern, the first, is known to take all that another took."""


def nothing_known(_new: str, _old: str) -> bool:
    """Know nothing of patterns: nobody can tell that by looking at them."""
    return False


@dataclass(frozen=True, slots=True)
class Side:
    """A schema, with the definitions that it refers to."""

    schema: Schema
    definitions: Schema
    takes_more: TakesMore = nothing_known

    @classmethod
    def of(cls, schema: Schema, takes_more: TakesMore = nothing_known) -> "Side":
        """Return a schema that stands alone."""
        return cls(schema, schema.get("$defs", {}), takes_more)

    def at(self, schema: Schema) -> "Side":
        """Return a part of it."""
        return Side(schema, self.definitions, self.takes_more)

    def branches(self) -> "list[Side]":
        """Return its alternatives."""
        return [self.at(part) for part in branches(self.schema, self.definitions)]


def narrowings(old: Schema, new: Schema, takes_more: TakesMore = nothing_known) -> list[str]:
    """Return what `new` refuses that `old` accepted, and removed fields; a line each, with the field's path."""
    return list(_value(Side.of(old), Side.of(new, takes_more), "$"))


def widenings(old: Schema, new: Schema, takes_more: TakesMore = nothing_known) -> list[str]:
    """Return what readers of `old` would not understand in messages of `new`; they ignore new fields."""
    found = _value(Side.of(new), Side.of(old, takes_more), "$", fields=False)
    return [f"{line} (seen by its readers)" for line in found]


def _value(old: Side, new: Side, path: str, *, fields: bool = True) -> Iterator[str]:
    """Compare alternatives: one of the new ones has to accept each of the old ones."""
    takers = new.branches()
    for branch in old.branches():
        refusals = [list(_branch(branch, taker, path, fields=fields)) for taker in takers if _kind(branch, taker)]
        if not refusals:
            yield f"{path}: type narrowed: {branch.schema.get('type', 'anything')} is no longer taken"
        elif all(refusals):
            yield from min(refusals, key=len)


def _kind(old: Side, new: Side) -> bool:
    """Return whether the new type accepts all that the old one did."""
    before, after = old.schema.get("type"), new.schema.get("type")
    return after is None or before == after or (before == "integer" and after == "number")


def _branch(old: Side, new: Side, path: str, *, fields: bool) -> Iterator[str]:
    yield from _limits(old.schema, new, path, lengths=fields)
    yield from _enumeration(old.schema, new.schema, path)
    if old.schema.get("type") == "object":
        yield from _object(old, new, path, fields=fields)
    if "items" in old.schema and "items" in new.schema:
        yield from _value(old.at(old.schema["items"]), new.at(new.schema["items"]), f"{path}[]", fields=fields)


def _object(old: Side, new: Side, path: str, *, fields: bool) -> Iterator[str]:
    before, after = old.schema.get("properties", {}), new.schema.get("properties", {})
    for name, content in before.items():
        if name in after:
            yield from _value(old.at(content), new.at(after[name]), f"{path}.{name}", fields=fields)
        elif fields:
            yield f"{path}.{name}: field removed"
    for name in new.schema.get("required", []):
        if name not in old.schema.get("required", []):
            yield f"{path}.{name}: field made required" if name in before else f"{path}.{name}: new field is required"
    if fields and new.schema.get("additionalProperties") is False and "additionalProperties" not in old.schema:
        yield f"{path}: unknown fields are no longer ignored: a newer producer's job would be a dead letter"


def _limits(old: Schema, side: Side, path: str, *, lengths: bool) -> Iterator[str]:
    """`lengths`: whether a text that may be longer matters; to a reader it is a text all the same."""
    new = side.schema
    for key, words in _LOWER.items():
        if key in new and (key not in old or new[key] > old[key]):
            yield f"{path}: limit tightened: {words} was {old.get(key, 'free')}, is {new[key]}"
    for key, words in _UPPER.items():
        if key == "maxLength" and not lengths:
            continue
        if key in new and (key not in old or new[key] < old[key]):
            yield f"{path}: limit tightened: {words} was {old.get(key, 'free')}, is {new[key]}"
    for key, words in _EXACT.items():
        if key == "pattern" and side.takes_more(str(new.get(key)), str(old.get(key))):
            continue
        if key in new and _same_form(key, new[key]) != _same_form(key, old.get(key)):
            yield f"{path}: {words} changed: was {old.get(key, 'free')}, is {new[key]}; nobody can tell what fits both"


def _same_form(key: str, value: Any) -> Any:
    """Return a pattern in its portable form: a release may have it in its form of before."""
    return portable(value) if key == "pattern" and isinstance(value, str) else value


def _enumeration(old: Schema, new: Schema, path: str) -> Iterator[str]:
    if "enum" in new:
        before = old.get("enum")
        gone = [value for value in before if value not in new["enum"]] if before else ["every other value"]
        if gone:
            yield f"{path}: enum value removed: {', '.join(map(str, gone))}"

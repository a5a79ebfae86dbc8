"""Makes bodies for a message: right ones, and ones that are wrong in all the ways that its schema knows."""

import copy
from collections.abc import Iterator
from datetime import date
from typing import Any

from hypothesis import strategies as st

from nightshift.documents.schemas import branches

Schema = dict[str, Any]
_LONGEST = 2_000
"""Characters: texts beyond are tried in examples of their own."""
_ODD = '\x00\t\n\r\x1f\x7f\x80\x85\x9f\xa0\u2028\u2029\ufeff\u200b$@<>,;:"\\/. é☃😀'
_WORDS = st.text(st.one_of(st.sampled_from(_ODD), st.characters(exclude_categories=["Cs"])), max_size=12)
# Whole numbers that are written with a fraction are a known difference, and have a test of their own.
_FRACTIONS = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda number: not number.is_integer())
_INTEGERS = st.one_of(st.integers(-2, 5000), st.integers(-(2**63), 2**63 - 1))
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), _INTEGERS, _FRACTIONS, _WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)),
    max_leaves=5,
)


def bodies(schema: Schema) -> st.SearchStrategy[Any]:
    """Returns bodies made from the schema, its examples changed in a few places, and anything at all."""
    definitions = schema.get("$defs", {})
    changed = _changed(schema.get("examples", []), schema, definitions)
    return st.one_of(*[changed] * 6, _value(schema, definitions), JUNK)


def edges(schema: Schema) -> Iterator[Any]:
    """Yields the fullest example with each field in turn at its edges, just beyond, of a wrong type, left out."""
    definitions = schema.get("$defs", {})
    body = max(schema["examples"], key=lambda example: len(str(example)))
    for name, content in schema["properties"].items():
        yield {field: value for field, value in body.items() if field != name}
        for value in _edges(content, definitions):
            yield {**body, name: value}


def _edges(schema: Schema, definitions: Schema) -> Iterator[Any]:
    yield from (None, True, 0, -1, 1.5, "", "x", [], {}, [[]], "a" * 41)
    for branch in branches(schema, definitions):
        yield from [branch[key] + step for key in ("minimum", "maximum") if key in branch for step in (-1, 0, 1)]
        if branch.get("type") == "string":
            yield from _text_edges({**schema, **branch})
        if branch.get("type") == "array":
            yield from _list_edges(branch, definitions)
        if _is_map(branch):
            yield from _map_edges(branch, definitions)
        elif branch.get("type") == "object":
            yield from edges({"examples": [_fitting(branch)], **branch})


def _text_edges(schema: Schema) -> Iterator[str]:
    for text in schema.get("examples", ["a"]):
        yield from (odd + text for odd in _ODD)
        yield from (text + odd for odd in _ODD)
        yield from (_stretched(text, letter, size) for letter in "a1- .é😀" for size in _sizes(schema))


def _list_edges(schema: Schema, definitions: Schema) -> Iterator[Any]:
    good = next(_fitting(branch) for branch in branches(schema["items"], definitions))
    limits = {schema.get("minItems", 0), schema.get("maxItems", 1)}
    yield from ([good] * size for limit in limits for size in range(max(limit - 1, 0), limit + 2))
    yield from ([good, item] for item in _edges(schema["items"], definitions))


def _is_map(schema: Schema) -> bool:
    """Whether it is an object with fields of any name."""
    return isinstance(schema.get("additionalProperties"), dict)


def _map_edges(schema: Schema, definitions: Schema) -> Iterator[dict[str, Any]]:
    most = schema.get("maxProperties", 1)
    yield from ({f"name-{number}": "a" for number in range(size)} for size in (most - 1, most, most + 1))
    yield from ({name: "a"} for name in ("", "é", _ODD))
    yield from ({"name": value} for value in _edges(schema["additionalProperties"], definitions))


def _fitting(schema: Schema) -> Any:
    """A value that fits, made of the examples in the schema."""
    if schema.get("type") == "object":
        return {name: schema["properties"][name]["examples"][0] for name in schema["required"]}
    return schema["examples"][0]


def _sizes(schema: Schema) -> list[int]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
    return [size for size in (least - 1, least, most, most + 1) if 0 <= size <= _LONGEST]


def _value(schema: Schema, definitions: Schema) -> st.SearchStrategy[Any]:
    """Values that fit a schema, or just do not."""
    return st.one_of([_branch(branch, definitions) for branch in branches(schema, definitions)])


def _branch(schema: Schema, definitions: Schema) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "string":
            return st.one_of(list(_texts(schema)))
        case "integer":
            return _numbers(schema)
        case "array":
            return _lists(schema, definitions)
        case "object":
            return _objects(schema, definitions)
        case "null":
            return st.none()
        case _:
            return JUNK


def _names_a_real_day(text: str) -> bool:
    """That no 30th of February may come is beyond what a schema can say, and has a test of its own."""
    year, month, day = (int(part) for part in text.strip()[:10].split("-"))
    try:
        return bool(date(year, month, day))
    except ValueError:
        return False


def _texts(schema: Schema) -> Iterator[st.SearchStrategy[str]]:
    yield _WORDS
    sizes = _sizes(schema)
    yield st.builds(lambda letter, size: letter * size, st.sampled_from("a😀é"), st.sampled_from(sizes or [1]))
    if "pattern" in schema:
        fitting = st.from_regex(str(schema["pattern"]))
        if schema.get("format") == "date-time":
            fitting = fitting.filter(_names_a_real_day)
        yield fitting
        yield st.builds(_with_odd, fitting, st.sampled_from(_ODD), st.floats(0, 1))
    if schema.get("examples"):
        yield st.builds(_with_odd, st.sampled_from(schema["examples"]), st.sampled_from(_ODD), st.floats(0, 1))
        yield st.sampled_from(schema["examples"])
        yield st.builds(
            _stretched, st.sampled_from(schema["examples"]), st.sampled_from("a1- ."), st.sampled_from(sizes)
        )
    if schema.get("format") == "date-time":
        yield st.datetimes().map(lambda instant: f"{instant.isoformat()}Z")
        zones = ("Z", "z", "+00:00", "-23:59", "+0100", "+24:00", "", " ", "+01")
        yield st.builds(
            lambda zone, mark: f"2026-03-29{mark}01:00:00{zone}", st.sampled_from(zones), st.sampled_from("Tt _")
        )


def _with_odd(text: str, odd: str, place: float) -> str:
    """The text with a character put in somewhere, at its ends above all."""
    at = round(place * len(text))
    return text[:at] + odd + text[at:]


def _stretched(text: str, letter: str, size: int) -> str:
    """The text made as long as asked for, by one letter in front of its last sign or at its end."""
    at = next((place for place, sign in enumerate(text) if sign in "<@/"), len(text))
    return text[:at] + letter * (size - len(text)) + text[at:]


def _numbers(schema: Schema) -> st.SearchStrategy[Any]:
    edges = [schema[name] + step for name in ("minimum", "maximum") if name in schema for step in (-1, 0, 1)]
    return st.one_of(st.sampled_from(edges or [0]), _INTEGERS, _FRACTIONS, st.booleans())


def _lists(schema: Schema, definitions: Schema) -> st.SearchStrategy[list[Any]]:
    items = _value(schema.get("items", {}), definitions)
    most = schema.get("maxItems", 3)
    repeated = st.builds(lambda item, size: [copy.deepcopy(item)] * size, items, st.sampled_from([0, most, most + 1]))
    return st.one_of(st.lists(items, max_size=3), repeated)


def _objects(schema: Schema, definitions: Schema) -> st.SearchStrategy[dict[str, Any]]:
    if _is_map(schema):
        return st.dictionaries(_WORDS, _value(schema["additionalProperties"], definitions), max_size=3)
    fields = {name: _value(content, definitions) for name, content in schema.get("properties", {}).items()}
    required = {name: fields[name] for name in schema.get("required", [])}
    optional = {name: strategy for name, strategy in fields.items() if name not in required}
    return st.one_of(
        st.fixed_dictionaries(required, optional=optional),
        st.fixed_dictionaries({}, optional=fields),
        st.fixed_dictionaries(required, optional={"unknown": JUNK, "": JUNK}),
    )


@st.composite
def _changed(draw: st.DrawFn, examples: list[Any], schema: Schema, definitions: Schema) -> Any:
    """An example in which one to three fields are left out, replaced, or added."""
    body = copy.deepcopy(draw(st.sampled_from(examples or [{}])))
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        # Optional fields oftener: what comes out should be right half of the time.
        optional = [name for name in schema["properties"] if name not in schema["required"]]
        name = draw(st.sampled_from([*schema["properties"], *optional, "unknown", "unknown"]))
        content = schema["properties"].get(name, {})
        if draw(st.integers(0, 4)) == 0:
            body.pop(name, None)
        else:
            body[name] = draw(st.one_of(*[_value(content, definitions)] * 4, JUNK))
    return body

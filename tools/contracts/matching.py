"""Compares a value with an example by the matching rules of a pact, as far as message pacts need them.

Without a rule a value must equal the example; a field that the example does not have is nobody's business.
See https://github.com/pact-foundation/pact-specification/tree/version-4.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Rules = Mapping[str, Mapping[str, Any]]
"""Path (`$.to`, `$.items[*].id`) -> `{"matchers": [{"match": "type"}, …], "combine": "AND"}`."""
_PASSED_DOWN = {"type"}
"""Matchers that hold for all that lies below."""


def differences(example: Any, actual: Any, rules: Rules) -> list[str]:
    """Returns a line for each difference, with its path.

    Raises:
        ValueError: a matcher is none of those that are known here.
    """
    return list(_compare(example, actual, "$", rules))


def _compare(example: Any, actual: Any, path: str, rules: Rules) -> Iterator[str]:
    matchers = _matchers(path, rules)
    if isinstance(example, dict) and isinstance(actual, dict):
        yield from _fields(example, actual, path, rules)
    elif isinstance(example, list) and isinstance(actual, list):
        yield from _items(example, actual, path, rules, matchers)
    elif not matchers:
        if type(example) is not type(actual) or example != actual:
            yield f"{path} is {actual!r}, expected {example!r}"
    else:
        yield from (problem for matcher in matchers for problem in _match(matcher, example, actual, path))


def _fields(example: dict[str, Any], actual: dict[str, Any], path: str, rules: Rules) -> Iterator[str]:
    for name, value in example.items():
        if name in actual:
            yield from _compare(value, actual[name], f"{path}.{name}", rules)
        else:
            yield f"{path}.{name} is missing"


def _items(
    example: list[Any], actual: list[Any], path: str, rules: Rules, matchers: list[Mapping[str, Any]]
) -> Iterator[str]:
    if not matchers and len(example) != len(actual):
        yield f"{path} has {len(actual)} items, expected {len(example)}"
    for matcher in matchers:
        if not matcher.get("min", 0) <= len(actual) <= matcher.get("max", len(actual)):
            yield f"{path} has {len(actual)} items, expected {matcher.get('min', 0)} to {matcher.get('max', 'any')}"
    for number, value in enumerate(actual[: len(actual) if example else 0]):
        yield from _compare(example[min(number, len(example) - 1)], value, f"{path}[{number}]", rules)


def _matchers(path: str, rules: Rules) -> list[Mapping[str, Any]]:
    """Those of the path itself, else those that an outer one passes down."""
    for rule, content in rules.items():
        if re.fullmatch(_as_regex(rule), path):
            return list(content["matchers"])
    for outer in reversed([path[: end.start()] for end in re.finditer(r"[.\[]", path)]):
        for rule, content in rules.items():
            if re.fullmatch(_as_regex(rule), outer):
                passed = [{"match": one["match"]} for one in content["matchers"]]
                return [one for one in passed if one["match"] in _PASSED_DOWN]
    return []


def _as_regex(rule: str) -> str:
    rule = re.sub(r"\['([^']*)'\]", r".\1", rule)
    return re.escape(rule).replace(r"\[\*\]", r"\[\d+\]").replace(r"\.\*", r"\.[^.\[]+")


def _match(matcher: Mapping[str, Any], example: Any, actual: Any, path: str) -> Iterator[str]:
    kind = matcher["match"]
    fits: dict[str, Callable[[], bool]] = {
        "type": lambda: _type(actual) == _type(example),
        "equality": lambda: actual == example,
        "integer": lambda: _type(actual) == "number" and not isinstance(actual, float),
        "number": lambda: _type(actual) == "number",
        "boolean": lambda: _type(actual) == "boolean",
        "null": lambda: actual is None,
        "include": lambda: str(matcher.get("value", "")) in str(actual),
        "regex": lambda: re.fullmatch(str(matcher.get("regex", "")), str(actual)) is not None,
    }
    if kind not in fits:
        raise ValueError(f"{path}: the matcher {kind!r} is not known here; there are {', '.join(sorted(fits))}")
    if not fits[kind]():
        yield f"{path} is {actual!r}, expected {matcher.get('regex', '')} like {example!r} ({kind})"


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__

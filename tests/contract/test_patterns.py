"""The published patterns: the same to ECMAScript (see the tests with Node), RE2 (Go) and PCRE2 (PHP, R, nginx …)."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pcre2
import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from nightshift.contract.constraints import END
from nightshift.documents.patterns import loses, portable
from tools.contracts.generate import FOLDER


def _patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for part in value.values():
            yield from _patterns(part)
    elif isinstance(value, list):
        for part in value:
            yield from _patterns(part)


_SCHEMAS = [json.loads(file.read_bytes()) for file in (FOLDER / "schemas").rglob("*.json")]
PUBLISHED = sorted({pattern for schema in _SCHEMAS for pattern in _patterns(schema)})


def test_the_patterns_are_found() -> None:
    """There are some, in messages and headers."""
    assert len(PUBLISHED) > 10


@pytest.mark.parametrize("pattern", PUBLISHED)
def test_every_engine_reads_every_pattern_alike(pattern: str) -> None:
    """RE2 and PCRE2 compile it, and judge what fits it, and what does not, as Python does."""
    go, perl, ours = re2.compile(pattern), pcre2.compile(pattern), re.compile(pattern)

    @given(st.from_regex(ours, fullmatch=True) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    def judge(text: str) -> None:
        if text.endswith("\n"):
            return  # Python and PCRE2 let `$` stand before a last line break
        found = bool(ours.search(text))
        assert bool(go.search(text)) == found
        assert bool(perl.search(text)) == found

    judge()


def test_what_a_pattern_loses_is_known() -> None:
    """A lookahead is left out with all that is in it; the end and a class are no lookahead."""
    assert portable(rf"^(?!claims/)(?!\.{{1,2}}(?:/|{END}))[^/]+{END}") == "^[^/]+$"
    assert portable(rf"^[\u2028(?!x]+{END}") == "^[\u2028(?!x]+$"
    assert loses(r"^(?=[^@]{1,64}@)a")
    assert not loses(rf"^[(?!]{END}")

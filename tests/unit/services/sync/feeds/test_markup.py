"""Markup of strangers is split into tokens, whatever it is."""

import time
from itertools import islice
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.feeds.markup import EntityBombError, attributes, cleaned, entities_of, resolve, tokens

Seen = list[tuple[str, str]]


def seen(text: str) -> Seen:
    """Return the tokens, with pieces of text that follow each other as one, and references resolved."""
    found: Seen = []
    for token in tokens(text):
        kind = "text" if token.kind in {"text", "literal"} else token.kind
        value = resolve(token.value, {}) if token.kind == "text" else token.value
        if kind == "text" and found and found[-1][0] == "text":
            found[-1] = ("text", found[-1][1] + value)
        else:
            found.append((kind, value))
    return [one for one in found if one != ("text", "")]


def by_expat(text: str) -> Seen:
    """Return the same from Python's own parser, which is strict."""
    found: Seen = []
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, _: found.append(("start", name))
    parser.EndElementHandler = lambda name: found.append(("end", name))
    parser.CharacterDataHandler = lambda data: found.append(("text", data))
    parser.Parse(text, True)
    return found


WORDS = st.text(st.sampled_from("ab <>&;\"'=/-]!?é\n"), max_size=8)
ESCAPED = WORDS.map(lambda word: word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
QUOTED = ESCAPED.map(lambda word: '"' + word.replace('"', "&quot;") + '"') | ESCAPED.map(
    lambda word: "'" + word.replace("'", "&#39;") + "'"
)
NAMES = st.sampled_from(["a", "b:c", "D", "é"])
COMMENTS = WORDS.filter(lambda word: "--" not in word and not word.endswith("-")).map(lambda word: f"<!--{word}-->")
LITERALS = WORDS.filter(lambda word: "]]>" not in word and not word.endswith("]")).map(
    lambda word: f"<![CDATA[{word}]]>"
)


def element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Well-formed elements around what is given."""
    attribute = st.tuples(st.sampled_from([" x=", " y = "]), QUOTED).map("".join)
    parts = st.lists(inner, max_size=4).map("".join)
    return st.builds(
        lambda name, attrs, content: f"<{name}{attrs}>{content}</{name}>", NAMES, attribute | st.just(""), parts
    )


@given(element(st.recursive(ESCAPED | COMMENTS | LITERALS, element)))
def test_well_formed_markup_is_read_as_a_strict_parser_reads_it(text: str) -> None:
    """Elements in their order, and the text between them."""
    assert seen(text) == by_expat(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", [("text", "a < b")]),
        ("<3 & <b>x", [("text", "<3 & "), ("start", "b"), ("text", "x")]),
        ("1 <b 2</b>", [("text", "1 <b 2"), ("end", "b")]),
        ("<a href='x>y</a>", [("start", "a"), ("text", "y"), ("end", "a")]),
        ('<a href="x>y</a><b c="z">', [("start", "a"), ("text", "y"), ("end", "a"), ("start", "b")]),
        ('<a b="1 > 2" c=\'"\'/>', [("empty", "a")]),
        ("<a b=it's>x</a>", [("start", "a"), ("text", "x"), ("end", "a")]),
        ("<!-- <a> --><b>", [("start", "b")]),
        ("<!-- <a><b>", [("start", "b")]),
        ("<?php <a> ?><b>", [("start", "b")]),
        ("<![CDATA[<a>&amp;]]>", [("text", "<a>&amp;")]),
        ("<![CDATA[<a>", [("text", "<a>")]),
        ("]]>", [("text", "]]>")]),
        ("</><b>", [("start", "b")]),
        ("<!DOCTYPE a [<!ENTITY b '>]'> <!-- don't --> ]><c>", [("start", "c")]),
        ("<!DOCTYPE a PUBLIC 'x' 'y'><c>", [("start", "c")]),
        ("<", [("text", "<")]),
        ("<a", [("text", "<a")]),
    ],
)
def test_what_cannot_be_markup_is_text(text: str, expected: Seen) -> None:
    """Signs that stand alone, quotes and ends that were forgotten."""
    assert seen(text) == expected


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("&lt;&amp;&gt;&quot;&apos;", "<&>\"'"),
        ("&nbsp;&eacute;&hellip;&rsquo;", "\u00a0é…\u2019"),
        ("&#233;&#xE9;&#XE9;&#0233;", "éééé"),
        ("&#38", "&"),
        ("&#146;&#x92;", "\u2019\u2019"),
        ("&#55357;&#56832;", "\N{GRINNING FACE}"),
        ("&#11;&#0;&#xFFFE;&#x110000;&#99999999;", "9;"),
        ("&#55357;", "\N{REPLACEMENT CHARACTER}"),
        ("?a=1&b=2&copy=3&unknown;", "?a=1&b=2&copy=3&unknown;"),
        ("AT&T & Co", "AT&T & Co"),
    ],
)
def test_references_are_resolved(written: str, text: str) -> None:
    """Those of XML and HTML, and numbers, also wrong ones; what is none stays as it is."""
    assert resolve(written, {}) == text


def test_control_characters_are_taken_out() -> None:
    """And those of a block that Windows-1252 uses otherwise are what it has there."""
    assert cleaned("a\x0bb\x00\ufffe \x92\t\n") == "ab \u2019\t\n"


def test_attributes_are_read_however_they_are_quoted() -> None:
    """Of several with one name the first counts."""
    assert attributes(' a="1&amp;2" b = \'3\' c=4 d e="5', {}) == {"a": "1&2", "b": "3", "c": "4", "d": "", "e": "5"}
    assert attributes(" a=1 a=2", {}) == {"a": "1"}


def test_entities_that_stand_for_text_are_known() -> None:
    """Those of files elsewhere, and of the type itself, are not."""
    text = """<!DOCTYPE rss PUBLIC "x" "http://127.0.0.1:9/x.dtd" [
      <!ENTITY tag "tag:example.com,2026:"> <!ENTITY e 'caf&#233;'>
      <!ENTITY file SYSTEM "file:///etc/passwd"> <!ENTITY % more SYSTEM "http://127.0.0.1:9/"> %more; ]><rss/>"""
    assert entities_of(text) == {"tag": "tag:example.com,2026:", "e": "café"}
    assert resolve("&tag;1 &file;", entities_of(text)) == "tag:example.com,2026:1 &file;"


def test_entities_of_entities_are_refused() -> None:
    """Ten lines of them would be gigabytes."""
    lines = "".join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10))
    with pytest.raises(EntityBombError, match="defines entities by entities"):
        entities_of(f'<!DOCTYPE x [<!ENTITY a0 "lol">{lines}]><x/>')


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        '<a "',
        "<a b='",
        "<a b='>",
        '<a b="x',
        '<a b="x"y>',
        "<a =",
        "<!--",
        "<![CDATA[",
        "<!DOCTYPE [",
        "<?",
        "</",
    ],
)
def test_the_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    """A megabyte of anything is some seconds at most, on any machine."""
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    for token in islice(tokens(text), 1_000_000):
        attributes(token.rest, {})
    assert time.process_time() - started < 20

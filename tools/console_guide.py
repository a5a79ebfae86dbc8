"""Write docs/operations.md into the console, as a page that needs no other file and asks no other host."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.generated import bring_up_to_date

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "operations.md"
PAGE = ROOT / "shared" / "nightshift" / "console" / "templates" / "operations.html.j2"
_FORBIDDEN = re.compile(r'<img|style="|{% endraw')
"""What the console's content security policy forbids, or would end the text."""


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as Git hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page(text: str) -> str:
    """Return the document as a template, without its title.

    Raises:
        ValueError: the document has something that a page of the console cannot show.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = list(_changed(markdown.parse(text)))
    html: str = markdown.renderer.render(tokens, markdown.options, {})
    if found := _FORBIDDEN.search(html):
        raise ValueError(f"{DOCUMENT.name}: {found[0]!r} cannot be on a page of the console")
    _, _, body = html.replace("<th></th>", "<td></td>").partition("</h1>\n")  # a header has a name
    return f"{{# Generated from docs/operations.md by `make guide`. #}}\n{{% raw %}}\n{body}{{% endraw %}}\n"


def _changed(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens with anchors at headings, and regions around tables, which scroll by themselves."""
    section, tables = "", Counter[str]()
    for at, token in enumerate(tokens):
        match token.type:
            case "heading_open":
                section = tokens[at + 1].content
                token.attrSet("id", anchor(section))
            case "table_open":
                tables[section] += 1
                region = Token("region_open", "div", 1, block=True)
                number = f" ({tables[section]})" if tables[section] > 1 else ""
                region.attrs = {"class": "scroll", "role": "region", "aria-label": section + number, "tabindex": "0"}
                yield region
            case "inline":
                token.children = list(_without_other_documents(token.children or ()))
        yield token
        if token.type == "table_close":
            yield Token("region_close", "div", -1, block=True)


def _without_other_documents(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a line; what leads to another document only names it: the console has this one alone."""
    document = text = ""
    for token in tokens:
        href = str(token.attrs.get("href", "#"))
        if token.type == "link_open" and not href.startswith(("#", "https://")):
            document, text = f"docs/{href.partition('#')[0]}", ""
        elif token.type == "link_close" and document:
            if text != document:
                yield Token("text", "", 0, content=" (")
                yield Token("code_inline", "code", 0, content=document)
                yield Token("text", "", 0, content=")")
            document = ""
        else:
            text += token.content
            yield token


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; with `--check` exit code 1 when the page is stale."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.console_guide",
        description="Writes docs/operations.md into the console, for its page of what to do.",
        epilog="example: python -m tools.console_guide --check",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is stale")
    options = parser.parse_args(arguments)
    wanted = page(DOCUMENT.read_text(encoding="utf-8"))
    return bring_up_to_date(PAGE, wanted, check=options.check, command="make guide")


if __name__ == "__main__":
    sys.exit(main())

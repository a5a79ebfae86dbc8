"""Render the report's Jinja2 templates: every value is escaped, and an undefined name is an error."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.report.rendering.formatting import amount, change, shown

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that HTML forbids: controls and surrogates."""


def render(template: str, /, **values: object) -> str:
    """Render a template from the folder `templates`.

    Raises:
        jinja2.UndefinedError: the template uses a name that it was not given.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters.update(amount=amount, change=change, shown=shown)
    return environment


def _printable(value: object) -> object:
    """Replace forbidden characters in a value that is about to be escaped and printed."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
    return value

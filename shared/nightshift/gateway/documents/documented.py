"""The description of the documents' own operations, and of all others together."""

from collections.abc import Iterable, Iterator, Mapping

from nightshift.contract.message import Message
from nightshift.gateway.documented import JSON, Answer, Documented, Parameter
from nightshift.gateway.jobs.documented import documented as jobs
from nightshift.gateway.webhooks.documented import DOCUMENTED as WEBHOOKS

AREA = "documents"
_HTML = "text/html"
_PAGE = {"type": "string"}
DOCUMENTS = (
    Documented(
        "GET",
        "/openapi.json",
        "getOpenapi",
        AREA,
        "This document, with the job types that this gateway takes.",
        None,
        {200: Answer("OpenAPI 3.1.", {JSON: {"type": "object"}})},
        (),
    ),
    Documented(
        "GET",
        "/docs",
        "getDocs",
        AREA,
        "The same as a page for people.",
        None,
        {200: Answer("A page.", {_HTML: _PAGE})},
        (),
    ),
    Documented(
        "GET",
        "/problems/{code}",
        "getProblem",
        AREA,
        "What a problem means.",
        None,
        {200: Answer("A page.", {_HTML: _PAGE})},
        ("not-found",),
        parameters=(Parameter("code", "path", "The problem's code."),),
    ),
)


def everything(messages: Mapping[str, type[Message]], further: Iterable[Documented] = ()) -> Iterator[Documented]:
    """Yield every operation of a gateway that takes these jobs; `further` are the application's own."""
    yield from jobs(messages)
    yield from further
    yield from WEBHOOKS
    yield from DOCUMENTS

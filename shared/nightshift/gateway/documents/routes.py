"""The operations of documents."""

from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from nightshift.gateway.context import GatewayContext
from nightshift.gateway.documents.openapi_file import served_document, undescribed
from nightshift.gateway.documents.page import STYLE_PATH, docs_page, problem_page, style_sheet
from nightshift.gateway.operation import Call, Handler, Operation
from nightshift.gateway.problems import PROBLEMS, Problem
from nightshift.observability.log import get_logger

_HTML, _CSS, _JSON = "text/html; charset=utf-8", "text/css; charset=utf-8", "application/json"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "max-age=300",
}
_log = get_logger("gateway")


def _file(content: bytes, media_type: str) -> Handler:
    async def answer(_call: Call) -> Response:
        return Response(content, headers=_HEADERS, media_type=media_type)

    return answer


async def _problem(call: Call) -> Response:
    code = call.path["code"]
    if code not in PROBLEMS:
        raise Problem("not-found")
    return Response(problem_page(code), headers=_HEADERS, media_type=_HTML)


def operations(context: GatewayContext) -> Sequence[Operation]:
    """Return the operations of documents."""
    offered = context.settings.offered_jobs(context.catalogue)
    messages = {name: context.catalogue.messages[name] for name in offered}
    document = served_document(context.settings.contracts_package, messages)
    if missing := undescribed(document, offered):
        _log.warning("undescribed", f"/openapi.json lacks {', '.join(missing)}: run `make contracts`")
    pages = (
        Operation("GET", STYLE_PATH, _file(style_sheet(), _CSS), None),
        Operation("GET", "/problems/{code}", _problem, None),
    )
    return (
        *pages,
        Operation("GET", "/openapi.json", _file(msgspec.json.encode(document), _JSON), None),
        Operation("GET", "/docs", _file(docs_page(document), _HTML), None),
    )

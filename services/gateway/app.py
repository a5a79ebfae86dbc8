"""The application: one table of operations, served by Starlette."""

from collections.abc import Callable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.context import GatewayContext
from services.gateway.documents import routes as documents
from services.gateway.exchange import Exchanges, exchange_of
from services.gateway.files import routes as files
from services.gateway.jobs import routes as jobs
from services.gateway.metrics import RequestMetrics
from services.gateway.operation import Operation
from services.gateway.paths import Paths
from services.gateway.problems import Problem
from services.gateway.resource import Resource
from services.gateway.responses import problem_response
from services.gateway.webhooks import routes as webhooks

AREAS: tuple[Callable[[GatewayContext], Sequence[Operation]], ...] = (
    jobs.operations,
    files.operations,
    webhooks.operations,
    documents.operations,
)
"""Each returns the operations of its paths."""

EXPOSED = ("Location", "Retry-After", "ETag", "Idempotency-Replayed", "X-Request-Id")
"""Response headers that a page of another origin may read."""


def operations(context: GatewayContext) -> list[Operation]:
    """Return every operation of the gateway."""
    return [operation for area in AREAS for operation in area(context)]


def build_app(context: GatewayContext) -> ASGIApp:
    """Return the ASGI application."""
    by_path: dict[str, list[Operation]] = {}
    for operation in operations(context):
        by_path.setdefault(operation.path, []).append(operation)
    paths = Paths(
        {path: Resource(group, context.admission, context.tracing) for path, group in by_path.items()}, _not_found
    )
    metrics = RequestMetrics(by_path)
    context.metrics.register(metrics)
    return Exchanges(_with_cors(paths, context.settings.gateway_cors_origins), metrics)


def _with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Digest",
            "Content-Disposition",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "Prefer",
            "traceparent",
        ],
        expose_headers=list(EXPOSED),
        max_age=600,
    )


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await problem_response(Problem("not-found"), exchange_of(scope).request_id)(scope, receive, send)

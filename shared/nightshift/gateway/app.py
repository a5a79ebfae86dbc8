"""The application: one table of operations, served by Starlette."""

from collections.abc import Callable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from nightshift.gateway.context import GatewayContext
from nightshift.gateway.documents import routes as documents
from nightshift.gateway.exchange import Exchanges, exchange_of
from nightshift.gateway.jobs import routes as jobs
from nightshift.gateway.metrics import RequestMetrics
from nightshift.gateway.operation import Operation
from nightshift.gateway.paths import Paths
from nightshift.gateway.problems import Problem
from nightshift.gateway.resource import Resource
from nightshift.gateway.responses import problem_response
from nightshift.gateway.webhooks import routes as webhooks

AREAS: tuple[Callable[[GatewayContext], Sequence[Operation]], ...] = (
    jobs.operations,
    webhooks.operations,
    documents.operations,
)
"""Each returns the operations of its paths."""

EXPOSED = ("Location", "Retry-After", "ETag", "Idempotency-Replayed", "X-Request-Id")
"""Response headers that a page of another origin may read."""


def operations(context: GatewayContext, further: Sequence[Operation] = ()) -> list[Operation]:
    """Return every operation of the gateway; `further` are the application's own."""
    return [*(operation for area in AREAS for operation in area(context)), *further]


def build_app(context: GatewayContext, further: Sequence[Operation] = ()) -> ASGIApp:
    """Return the ASGI application."""
    by_path: dict[str, list[Operation]] = {}
    for operation in operations(context, further):
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

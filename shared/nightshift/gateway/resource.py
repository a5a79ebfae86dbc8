"""One path of the gateway: chooses the operation, lets in who may, and turns what goes wrong into problems."""

from collections.abc import Mapping, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nightshift.broker import BrokerRefusedError, QueueFullError
from nightshift.gateway.auth.admission import Admission
from nightshift.gateway.auth.principal import Principal
from nightshift.gateway.exchange import Exchange, exchange_of
from nightshift.gateway.gateway_request import GatewayRequest
from nightshift.gateway.operation import Call, Operation
from nightshift.gateway.problems import Problem
from nightshift.gateway.responses import problem_response
from nightshift.messaging.tracing import ServerTracing
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

ANYBODY = Principal("", None, ())
RETRY_SECONDS = 5
_log = get_logger("gateway")


class Resource:
    """An ASGI application for one path."""

    def __init__(self, operations: Sequence[Operation], admit: Admission, tracing: ServerTracing) -> None:
        self._admit, self._tracing = admit, tracing
        self._path = operations[0].path
        self._operations: Mapping[str, Operation] = {operation.method: operation for operation in operations}
        self._methods = sorted({*self._operations, *(["HEAD"] if "GET" in self._operations else [])})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = exchange_of(scope)
        exchange.route = self._path
        try:
            response = await self._answer(GatewayRequest(scope, receive), exchange)
        except ClientDisconnect:
            exchange.status = CLIENT_GONE
            return
        except Exception as error:  # noqa: BLE001 - a client is never told an exception's text
            response = problem_response(problem_of(error, exchange.request_id), exchange.request_id)
        await response(scope, receive, send)

    async def _answer(self, request: Request, exchange: Exchange) -> Response:
        if "\0" in request.scope["path"]:  # nothing has such a name, and PostgreSQL cannot even be asked for it
            raise Problem("not-found")
        method = "GET" if request.method == "HEAD" else request.method
        operation = self._operations.get(method)
        if operation is None:
            raise Problem("method-not-allowed", headers={"Allow": ", ".join(self._methods)})
        principal = ANYBODY
        if operation.scope is not None:
            principal = await self._admit(request)
            exchange.key_id = principal.key_id
            wanted = operation.scope.format_map(request.path_params)
            if not principal.may(wanted):
                raise Problem("forbidden", f"This needs the scope {operation.scope}.")
        with self._tracing.serving(operation.method, self._path, request.headers.get("traceparent")) as span:
            try:
                response = await operation.handler(Call(request, exchange.request_id, principal, span.trace))
            except ClientDisconnect:
                raise
            except Exception as error:  # noqa: BLE001 - a client is never told an exception's text
                response = problem_response(problem_of(error, exchange.request_id), exchange.request_id)
            span.answered(response.status_code)
        return response


CLIENT_GONE = 499
"""What the log says of a request whose client has gone before its answer."""


def problem_of(error: Exception, request_id: str) -> Problem:
    """Return the problem that an error is to a client; what is nobody's mistake but ours is logged."""
    match error:
        case Problem():
            return error
        case QueueFullError():
            return Problem("queue-full", retry_after=RETRY_SECONDS)
        case Unavailable():
            _log.warning("unavailable", str(error), request_id=request_id)
            return Problem("unavailable", retry_after=RETRY_SECONDS)
        case BrokerRefusedError():
            _log.error("refused", str(error), request_id=request_id)
            return Problem("fault")
        case _:
            _log.exception("request_failed", "A request has failed", request_id=request_id)
            return Problem("fault")

"""The operations of files."""

from collections.abc import Sequence

from nightshift.messaging.publisher import Publisher
from services.gateway.context import GatewayContext
from services.gateway.files.completion import Completion
from services.gateway.files.direct import DirectUploads
from services.gateway.files.direct_intake import DirectIntake
from services.gateway.files.direct_view import UploadView
from services.gateway.files.intake import FileIntake
from services.gateway.files.representation import FileView
from services.gateway.files.state import FileState
from services.gateway.operation import Operation

PUBLISH_SECONDS = 1.0
"""For the broker's acknowledgement of a job whose outbox row is committed: after that the relay has it."""


def operations(context: GatewayContext) -> Sequence[Operation]:
    """Return the operations of files."""
    transfers = context.transfers
    view = FileView(transfers, context.now)
    publisher = Publisher(context.connection, context.objects, timeout_seconds=PUBLISH_SECONDS, tracing=context.tracing)
    completion = Completion(context.database, context.objects, publisher, view, context.now)
    intake, state = FileIntake(context, transfers, completion), FileState(context, view)
    uploads = UploadView(transfers, view)
    begin, direct = DirectIntake(context, transfers, uploads), DirectUploads(context, transfers, uploads, completion)
    read, write = "files:read", "files:write"
    return (
        Operation("POST", "/v1/files", intake, write),
        Operation("GET", "/v1/files/{id}", state.get, read),
        Operation("DELETE", "/v1/files/{id}", state.delete, write),
        Operation("GET", "/v1/files/{id}/events", state.events, read),
        Operation("POST", "/v1/uploads", begin, write),
        Operation("GET", "/v1/uploads/{id}", direct.get, write),
        Operation("DELETE", "/v1/uploads/{id}", direct.abort, write),
        Operation("GET", "/v1/uploads/{id}/parts", direct.parts, write),
        Operation("POST", "/v1/uploads/{id}/parts/{n}", direct.sign, write),
        Operation("POST", "/v1/uploads/{id}/complete", direct.complete, write),
    )

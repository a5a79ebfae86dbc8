"""The job that processes a file: an outbox row in the file's own transaction, published at once if that is possible."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.upload import ProcessUpload
from nightshift import Publisher, Unavailable
from nightshift.broker import BrokerRefusedError
from nightshift.broker.message import OutboundMessage
from nightshift.database import Database
from nightshift.messaging import outbound
from nightshift.observability.log import get_logger
from services.gateway.files.repository import FileRow, forget_outbox_row

_WRITER = "gateway"
_log = get_logger("gateway")


@dataclass(slots=True, frozen=True)
class ProcessingJob:
    """A job `upload.process`, and its row in the outbox (which no job wrote, so it has no parent)."""

    message: OutboundMessage
    row: dict[str, Any]


def processing_job(file: FileRow, trace: Mapping[str, str], now: datetime) -> ProcessingJob:
    """Return the job of a file; there is one, however often this is called."""
    body = outbound.encode(ProcessUpload(file_id=file.id, user_id=file.user_id))
    message = outbound.job(ProcessUpload.TYPE, f"upload-{file.id}", body, trace)
    row = {
        "id": f"{_WRITER}/{ProcessUpload.TYPE}/{file.id}/0",
        "consumer": _WRITER,
        "type": None,
        "parent_id": None,
        "subject": message.subject,
        "body": message.body,
        "headers": message.headers,
        "not_before": None,
        "created_at": now,
    }
    return ProcessingJob(message, row)


async def publish_now(job: ProcessingJob, publisher: Publisher, database: Database) -> None:
    """Publish a job whose outbox row is committed, and forget the row; what fails is left to the relay of `upload`."""
    try:
        with publisher.sending([job.message]) as (traced,):
            await publisher.store(traced)
        await database.commit(lambda connection: forget_outbox_row(connection, job.row["id"]))
    except (Unavailable, BrokerRefusedError) as error:
        _log.info("left_to_relay", f"{job.message.subject} stays in the outbox for now: {error}")

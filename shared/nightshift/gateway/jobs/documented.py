"""The description of the operations of jobs: one path for each type, so that clients are typed."""

from collections.abc import Iterator, Mapping

from nightshift.contract.message import Message
from nightshift.gateway.documented import IDEMPOTENCY_KEY, JSON, TRACEPARENT, Answer, Body, Documented, Parameter
from nightshift.gateway.jobs.batches import MOST_JOBS
from nightshift.gateway.jobs.ids import CHARACTERS, LONGEST
from nightshift.gateway.jobs.receipts import ManyReceipts, OneReceipt
from nightshift.gateway.jobs.state import MOST_SEQUENCE, JobState

AREA = "jobs"
_ID = Parameter("id", "path", "The job's id, as its receipt has it.", {"type": "string", "minLength": 1})
_SEQUENCE = Parameter(
    "sequence",
    "query",
    "Where the receipt says that the job was stored: tells one that is still in the queue from one that is not.",
    {"type": "integer", "minimum": 1, "maximum": MOST_SEQUENCE},
)
_DELAY = Parameter(
    "delay",
    "query",
    "Run it after this time.",
    {"type": "string", "pattern": "^[0-9]{1,12}(ms|s|m|h|d|w)$"},
    "90s",
)
_AT = Parameter(
    "at",
    "query",
    "Run it at this time (RFC 3339), such as `2026-07-25T06:00:00Z`. Give either this or `delay`.",
    {"type": "string", "format": "date-time"},
)
_PREFER = Parameter(
    "Prefer",
    "header",
    "`wait=30`: answer when the job is over, or after so many seconds.",
    example="wait=30",
)
_LAST_EVENT = Parameter("Last-Event-ID", "header", "`over`: the last event has been seen; 204, and no stream.")
_WAITED = {"Preference-Applied": "How long the answer might have waited."}
_EVENTS = (
    "Server-sent events named after the job's state, each with the state as its data: where it is now, and whenever "
    "its worker tells something: that it runs, how far it is, that it runs again later. The last is `done` or `dead`."
)
_ENQUEUE = (
    "202: it is on the broker's disk, or in the database until the broker is back; a crash of anything after that "
    f"loses nothing. The `Idempotency-Key` ({CHARACTERS}; at most {LONGEST}) is the job's id: with the type, the "
    "identity of the work, which is done once, for 60 days. The first body wins. With a user's key the id begins with "
    "`user:<user>:`."
)
_BATCH = f"Stores 1 to {MOST_JOBS} jobs, all or none. An `id` is what an `Idempotency-Key` is for one job."
_CANCEL = (
    "Takes back a job that waits for its time, between two attempts, for the broker, or (given its `sequence`) for a "
    "worker; stops one that a worker has. Nothing of a job that was stopped is committed: it is a dead letter with the "
    "reason `cancelled`. One that was taken out of its queue, or of the outbox, has no dead letter, and its id is used "
    "up. It is too late for a job that is being committed."
)


def documented(messages: Mapping[str, type[Message]]) -> Iterator[Documented]:
    """Yield the operations of each of these job types."""
    for job_type, message in messages.items():
        path, name = f"/v1/jobs/{job_type}", _camel(job_type)
        write = f"jobs:write:{job_type}"
        invalid = ("invalid-json", "invalid-job", "invalid-id", "unsupported-media-type", "too-large", "queue-full")
        yield Documented(
            "POST",
            path,
            f"enqueue{name}",
            AREA,
            f"Enqueue a job {job_type}.",
            write,
            {
                202: Answer("Accepted.", {JSON: OneReceipt}, {"Location": "Where its state is."}, _links(name)),
                200: Answer("With `Prefer: wait`: it is over.", {JSON: OneReceipt}, _WAITED),
            },
            (*invalid, "invalid-time", "unknown-job-type"),
            _ENQUEUE,
            (IDEMPOTENCY_KEY, _DELAY, _AT, _PREFER, TRACEPARENT),
            Body({JSON: message}, of_job_type=job_type),
        )
        yield Documented(
            "POST",
            f"{path}/batch",
            f"enqueue{name}Batch",
            AREA,
            f"Enqueue many jobs {job_type}, all or none.",
            write,
            {202: Answer("All are accepted.", {JSON: ManyReceipts})},
            (*invalid, "duplicate-in-batch", "unknown-job-type"),
            _BATCH,
            (TRACEPARENT,),
            Body({JSON: _batch_of(message)}),
        )
        yield Documented(
            "GET",
            f"{path}/{{id}}",
            f"get{name}",
            AREA,
            f"Where a job {job_type} is in its life.",
            "jobs:read",
            {200: Answer("What a few look-ups tell.", {JSON: JobState}, _WAITED)},
            ("unknown-job-type", "busy"),
            "",
            (_ID, _SEQUENCE, _PREFER),
        )
        yield Documented(
            "GET",
            f"{path}/{{id}}/events",
            f"watch{name}",
            AREA,
            f"What becomes of a job {job_type}, as a stream of events.",
            "jobs:read",
            {
                200: Answer("A stream of events.", {"text/event-stream": {"type": "string"}}),
                204: Answer("There is nothing more to come."),
            },
            ("unknown-job-type", "busy"),
            _EVENTS,
            (_ID, _SEQUENCE, _LAST_EVENT),
        )
        yield Documented(
            "DELETE",
            f"{path}/{{id}}",
            f"cancel{name}",
            AREA,
            f"Take a job {job_type} back, or stop it.",
            "jobs:cancel",
            {
                204: Answer("It is taken back: it will not run."),
                200: Answer("It was stopped in a worker's hands.", {JSON: JobState}),
            },
            ("unknown-job-type", "unknown-job", "done", "in-flight", "busy"),
            _CANCEL,
            (_ID, _SEQUENCE),
        )


def _links(name: str) -> dict[str, object]:
    parameters = {"id": "$response.body#/job/id"}
    return {verb: {"operationId": f"{verb}{name}", "parameters": parameters} for verb in ("get", "cancel")}


def _batch_of(message: type[Message]) -> dict[str, object]:
    job = {
        "type": "object",
        "properties": {
            "id": {**IDEMPOTENCY_KEY.schema, "type": ["string", "null"], "description": "The job's id."},
            "body": message,
        },
        "required": ["body"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"jobs": {"type": "array", "items": job, "minItems": 1, "maxItems": MOST_JOBS}},
        "required": ["jobs"],
        "additionalProperties": False,
    }


def _camel(job_type: str) -> str:
    return "".join(word.capitalize() for word in job_type.replace("-", ".").split("."))

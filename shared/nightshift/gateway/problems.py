"""The problems that the gateway answers with (RFC 9457): this table is also the OpenAPI document and the pages."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "/problems/"


class ProblemType(NamedTuple):
    """A kind of problem: its status, its title, what it means and what a client does about it."""

    status: int
    title: str
    meaning: str


PROBLEMS: Mapping[str, ProblemType] = {
    "bad-request": ProblemType(400, "Bad request", "The request is not as it should be; `detail` says what."),
    "invalid-json": ProblemType(400, "Not JSON", "The body cannot be read as JSON."),
    "invalid-id": ProblemType(
        400,
        "Not an id for a job",
        "`Idempotency-Key` (or `id`) is empty, too long, of other characters, or of a form that is kept for ids of "
        "the product's own.",
    ),
    "invalid-time": ProblemType(400, "Not a time", "`delay` or `at` cannot be read, or both are given."),
    "unauthorized": ProblemType(
        401, "No valid credentials", "There is no valid API key or token. Nothing says which part of it was wrong."
    ),
    "invalid-signature": ProblemType(
        401, "Not verified", "This is no request of the provider. Nothing says what was wrong with it."
    ),
    "forbidden": ProblemType(403, "Not allowed", "The key or token has no scope for this, or it is another user's."),
    "not-found": ProblemType(404, "Not found", "There is nothing at this address."),
    "unknown-job-type": ProblemType(
        404, "No such job type", "There is no such job type, or it may not be enqueued over HTTP."
    ),
    "unknown-job": ProblemType(
        404, "No such job", "No job of this type and id waits or runs; one in its queue is found by its `sequence`."
    ),
    "method-not-allowed": ProblemType(405, "Method not allowed", "`Allow` lists the methods of this address."),
    "timeout": ProblemType(408, "Too slow", "The request did not arrive in time, or its body came too slowly."),
    "in-progress": ProblemType(
        409, "Being worked on", "A request with the same key is being worked on; `Retry-After` says when to ask again."
    ),
    "duplicate-in-batch": ProblemType(
        409, "Known id in a batch", "An id of the batch was enqueued before, or occurs twice in it. Nothing was stored."
    ),
    "in-flight": ProblemType(
        409, "Cannot be stopped now", "The job's worker was told to stop it, and has not ended it yet: ask again later."
    ),
    "done": ProblemType(409, "Done already", "The job is done: it cannot be taken back."),
    "incomplete": ProblemType(409, "Incomplete", "Parts of the upload are missing, or their sizes do not add up."),
    "gone-meanwhile": ProblemType(409, "Gone meanwhile", "The file was removed while its bytes were coming in."),
    "too-large": ProblemType(413, "Too large", "The body is longer than what is accepted here."),
    "unsupported-media-type": ProblemType(
        415, "Unsupported media type", "`Content-Type` or `Content-Encoding` is not what is accepted here."
    ),
    "invalid-job": ProblemType(
        422, "The job breaks its contract", "`errors` names each wrong field by a JSON pointer. Nothing was enqueued."
    ),
    "invalid-body": ProblemType(
        422, "Not what is expected here", "`errors` names the wrong field by a JSON pointer. Nothing was stored."
    ),
    "digest-mismatch": ProblemType(422, "Digest mismatch", "The bytes that arrived do not have the announced digest."),
    "unknown-user": ProblemType(422, "No such user", "There is no user with the id that `userId` names."),
    "key-reused": ProblemType(
        422, "Key used for something else", "The `Idempotency-Key` was used before, with another request."
    ),
    "too-many-requests": ProblemType(429, "Too many requests", "`Retry-After` says when there is room again."),
    "quota-exceeded": ProblemType(429, "Quota used up", "The quota of the day is used up."),
    "head-too-large": ProblemType(
        431, "Head too large", "The request line and header fields are too long, or too many."
    ),
    "fault": ProblemType(500, "A fault of the gateway", "Not the client's fault; `requestId` finds it in the log."),
    "queue-full": ProblemType(
        503, "Queue full", "The queue takes no more at the moment. Nothing was stored; repeat it after `Retry-After`."
    ),
    "unavailable": ProblemType(
        503,
        "Unavailable",
        "What is needed for this is away. It is safe to repeat it with the same key after `Retry-After`.",
    ),
    "busy": ProblemType(503, "Busy", "Every slot is in use; repeat it after `Retry-After`."),
    "draining": ProblemType(503, "Stopping", "This process is stopping; repeat it: another one will answer."),
    "http-version": ProblemType(505, "HTTP version not supported", "HTTP/1.1 is spoken here."),
}
"""Code -> what it is. `type` in an answer is `/problems/<code>`."""


class FieldError(msgspec.Struct, frozen=True):
    """One wrong field: a JSON pointer (RFC 6901) into the body, and what is wrong there."""

    pointer: str
    detail: str


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A problem as it is answered; `code` is what a program looks at."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: Sequence[FieldError] = ()


class Problem(Exception):  # noqa: N818 - an answer, not an error of the program
    """Ends a request with this problem; `detail` is a sentence for its sender, never an exception's text."""

    media_type = CONTENT_TYPE

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.kind, self.errors = code, PROBLEMS[code], tuple(errors)
        self.detail = detail or self.kind.meaning
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, round(retry_after)))

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status

    def body(self, request_id: str) -> bytes:
        """Return the answer's body."""
        return msgspec.json.encode(
            ProblemBody(
                type=TYPE_PREFIX + self.code,
                title=self.kind.title,
                status=self.kind.status,
                code=self.code,
                detail=self.detail,
                request_id=request_id,
                errors=self.errors,
            )
        )

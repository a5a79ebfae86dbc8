"""The operations of jobs."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET
from starlette.responses import Response, StreamingResponse

from nightshift.broker.batch import DuplicateInBatchError
from nightshift.gateway.body import expected_size, read_json
from nightshift.gateway.context import GatewayContext
from nightshift.gateway.intake import job_message
from nightshift.gateway.jobs.batches import read_batch
from nightshift.gateway.jobs.contract_check import ContractCheck
from nightshift.gateway.jobs.deaths import Deaths
from nightshift.gateway.jobs.ids import full_id, in_reach, key_in
from nightshift.gateway.jobs.receipts import JobReceipt, ManyReceipts, OneReceipt, location_of, receipt_of, state_of
from nightshift.gateway.jobs.state import MOST_SEQUENCE, JobState, JobStates
from nightshift.gateway.jobs.times import runs_at
from nightshift.gateway.jobs.waiting import OVER, JobWaiting, of_event
from nightshift.gateway.operation import Call, Operation
from nightshift.gateway.preferences import applied, wait_seconds
from nightshift.gateway.problems import Problem
from nightshift.gateway.responses import EVENT_HEADERS, json_response
from nightshift.gateway.room import Room
from nightshift.gateway.slots import Slots
from nightshift.messaging import outbound
from nightshift.messaging.job_watch import Watched
from nightshift.messaging.ledger import CANCELLED, LedgerEntry
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.runtime.object_stores import stored_in

BATCH_SECONDS = 10.0
"""For the broker's acknowledgement of a whole batch."""
ROOM_BYTES = 128 * 1024 * 1024
"""For the bodies that are in hand, all together."""


class JobRoutes:
    """Answers what is asked about jobs."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        messages = context.catalogue.messages
        offered = context.settings.offered_jobs(context.catalogue)
        self._checks = {job_type: ContractCheck(messages[job_type]) for job_type in offered}
        self._longest = context.settings.gateway_max_body_bytes
        self._room = Room(max(ROOM_BYTES, 2 * self._longest))
        deaths = Deaths()
        context.watch.on_told = deaths.take
        self._states = JobStates(context.connection, context.database, deaths)
        self._waiting = JobWaiting(
            self._states, context.watch, Slots(context.settings.gateway_event_streams), context.draining
        )
        self._batches = Publisher(
            context.connection, stored_in(context.objects), timeout_seconds=BATCH_SECONDS, tracing=context.tracing
        )

    async def enqueue(self, call: Call) -> Response:
        """`POST /v1/jobs/{type}`: store one job, to run now or later."""
        context, request = self._context, call.request
        job_type, check = self._type(call)
        at = runs_at(request.query_params, context.now()) if request.scope["query_string"] else None
        key = key_in(request.headers.get("idempotency-key"))
        job_id = full_id(key, call.principal.user)
        async with self._room.reserve(expected_size(request, self._longest)):
            body = await read_json(request, self._longest)
            check(body)
            message = job_message(job_type, job_id, body, _headers(call), at)
            if not (seconds := wait_seconds(request)):
                receipt = receipt_of(await context.intake.accept(message, runs_at=at), job_type, at)
                return json_response(OneReceipt(job=receipt), 202, {"Location": location_of(receipt)})
        with context.watch.watching(job_type, job_id) as watched:
            receipt = receipt_of(await context.intake.accept(message, runs_at=at), job_type, at)
            state = await self._end(call, receipt, seconds, None if key else watched)
        over = state is not None and state.is_over
        headers = {"Location": location_of(receipt), **applied(seconds)}
        return json_response(OneReceipt(job=receipt, state=state or UNSET), 200 if over else 202, headers)

    async def enqueue_batch(self, call: Call) -> Response:
        """`POST /v1/jobs/{type}/batch`: store up to 1,000 jobs, all or none."""
        context, request = self._context, call.request
        job_type, check = self._type(call)
        if runs_at(request.query_params, context.now()) is not None:
            raise Problem("invalid-time", "The jobs of a batch run now: send those for later one by one.")
        async with self._room.reserve(expected_size(request, self._longest)):
            content = await read_json(request, self._longest)
            jobs = read_batch(content, check, call.principal.user)
            context.admission.charge(call.principal, len(jobs) - 1)
            headers = _headers(call)
            messages = [job_message(job_type, job.job_id, job.body, headers, None) for job in jobs]
            try:
                accepted = await context.intake.accept_all(messages, self._batches)
            except DuplicateInBatchError:
                detail = (
                    "An id of the batch came in within the last two minutes. A batch that is repeated was accepted."
                )
                raise Problem("duplicate-in-batch", detail) from None
        return json_response(ManyReceipts(jobs=tuple(receipt_of(one, job_type, None) for one in accepted)), 202)

    async def state(self, call: Call) -> Response:
        """`GET /v1/jobs/{type}/{id}`: where the job is in its life."""
        job_type, _ = self._type(call)
        job_id = in_reach(call.path["id"], call.principal.user)
        if not (seconds := wait_seconds(call.request)):
            return json_response(await self._states.of(job_type, job_id, _sequence(call)))
        state = await self._waiting.end(call.principal.key_id, job_type, job_id, _sequence(call), seconds)
        return json_response(state, 200, applied(seconds))

    async def events(self, call: Call) -> Response:
        """`GET /v1/jobs/{type}/{id}/events`: an event for each state, and the end after the last."""
        job_type, _ = self._type(call)
        job_id, key_id = in_reach(call.path["id"], call.principal.user), call.principal.key_id
        if call.request.headers.get("last-event-id") == OVER:
            return Response(status_code=204)  # tells a browser's EventSource not to connect again
        self._waiting.check(key_id)
        stream = self._waiting.stream(key_id, job_type, job_id, _sequence(call))
        return StreamingResponse(stream, headers=EVENT_HEADERS, media_type="text/event-stream")

    async def cancel(self, call: Call) -> Response:
        """`DELETE /v1/jobs/{type}/{id}`: take back a job that no worker has, or stop it."""
        job_type, _ = self._type(call)
        job_id = in_reach(call.path["id"], call.principal.user)
        ended = (await self._states.stored(job_type, job_id)).ended
        if ended is not None:
            return _cancelled(ended)
        if await self._context.intake.take_back(job_type, job_id):
            return Response(status_code=204)
        told = await self._waiting.stopped(call.principal.key_id, job_type, job_id)
        if told is None and not await self._is_queued(call, job_type, job_id):
            raise Problem("unknown-job")
        if told is None:  # its service has no worker now, or the one that had the job is gone
            return _cancelled(await self._context.intake.cancel(job_type, job_id))
        if told.what == "dead":
            return json_response(of_event(JobState(id=job_id, type=job_type, state="running"), told), 200)
        if told.is_over:
            raise Problem("done")
        if told.ends_attempt and await self._context.intake.take_back(job_type, job_id):
            return Response(status_code=204)
        raise Problem("in-flight", "Its worker was told to stop it, and has not ended it yet: ask for its state.")

    async def _is_queued(self, call: Call, job_type: str, job_id: str) -> bool:
        sequence = _sequence(call)
        return sequence is not None and await self._states.is_queued(job_type, job_id, sequence)

    async def _end(self, call: Call, receipt: JobReceipt, seconds: int, new: Watched | None) -> JobState | None:
        """Wait for the end of a job that has just been accepted; None if that cannot be done: it is accepted anyway.

        `new` is what is told of it, if it cannot have been there before.
        """
        key_id = call.principal.key_id
        try:
            if new is not None:
                return await self._waiting.end_of_new(key_id, state_of(receipt), new, seconds)
            sequence = receipt.sequence if receipt.where == "queue" and receipt.sequence is not UNSET else None
            return await self._waiting.end(key_id, receipt.type, receipt.id, sequence, seconds)
        except (Problem, Unavailable):
            return None

    def _type(self, call: Call) -> tuple[str, ContractCheck]:
        job_type = call.path["type"]
        check = self._checks.get(job_type)
        if check is None:
            raise Problem("unknown-job-type")
        return job_type, check


def _cancelled(ended: LedgerEntry) -> Response:
    """Answer that a job will not run; it may have been cancelled before.

    Raises:
        Problem: its effects are committed.
    """
    if ended.outcome != CANCELLED:
        raise Problem("done")
    return Response(status_code=204)


def _headers(call: Call) -> Mapping[str, str]:
    """Return the headers of a job: its trace, and for whom it is. A caller that is no user's cannot say for whom."""
    return outbound.with_tenant(call.trace, call.principal.user)


def _sequence(call: Call) -> int | None:
    text = call.request.query_params.get("sequence")
    if text is None:
        return None
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_SEQUENCE))
    if not digits or not int(text):
        raise Problem("bad-request", "sequence: expected the number that is in the receipt.")
    return int(text)


def operations(context: GatewayContext) -> Sequence[Operation]:
    """Return the operations of jobs."""
    jobs = JobRoutes(context)
    return (
        Operation("POST", "/v1/jobs/{type}", jobs.enqueue, "jobs:write:{type}"),
        Operation("POST", "/v1/jobs/{type}/batch", jobs.enqueue_batch, "jobs:write:{type}"),
        Operation("GET", "/v1/jobs/{type}/{id:path}/events", jobs.events, "jobs:read"),
        Operation("GET", "/v1/jobs/{type}/{id:path}", jobs.state, "jobs:read"),
        Operation("DELETE", "/v1/jobs/{type}/{id:path}", jobs.cancel, "jobs:cancel"),
    )

"""The compatibility gate: nothing of a supported release is broken, and whatever would be is caught by name."""

import copy
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from tools.contracts import released
from tools.contracts.compatibility import narrowings, widenings
from tools.contracts.gate import breaking_changes
from tools.contracts.released import Contracts

NOW = released.current()
MAIL, EVENT = "jobs.email.send", "cron"


def test_no_supported_release_is_broken() -> None:
    """What was released works on; each line says what to do instead."""
    assert not breaking_changes(), "\n".join(breaking_changes())


def test_there_is_a_release() -> None:
    """The gate compares with something."""
    assert "0.1.0" in [release.version for release in released.supported()]


def test_a_release_is_kept_once(tmp_path: Any) -> None:
    """What was released never changes."""
    released.keep("9.9.9", folder=tmp_path)
    (kept,) = released.supported(tmp_path)
    assert kept.schemas == NOW.schemas
    assert kept.headers == NOW.headers
    assert kept.topology == NOW.topology
    assert kept.openapi == NOW.openapi
    assert kept.samples == [sample for sample in NOW.samples if sample.valid]
    with pytest.raises(FileExistsError, match="take the next version"):
        released.keep("9.9.9", folder=tmp_path)


def test_releases_are_read_in_their_order(tmp_path: Any) -> None:
    """By number, not by letter."""
    for version in ("0.10.0", "0.9.0", "1.0.0"):
        released.keep(version, folder=tmp_path)
    assert [release.version for release in released.supported(tmp_path)] == ["0.9.0", "0.10.0", "1.0.0"]


Change = Callable[[Contracts], Any]
BREAKING: dict[str, tuple[Change, str]] = {
    "field removed": (
        lambda now: now.schemas[MAIL]["properties"].pop("replyTo"),
        "jobs.email.send: $.replyTo: field removed, since",
    ),
    "field of a part removed": (
        lambda now: now.schemas[MAIL]["$defs"]["Attachment"]["properties"].pop("fileName"),
        "jobs.email.send: $.attachments[].fileName: field removed",
    ),
    "field made required": (
        lambda now: now.schemas[MAIL]["required"].append("text"),
        "jobs.email.send: $.text: field made required",
    ),
    "new field required": (
        lambda now: now.schemas[MAIL]["required"].append("tenant"),
        "jobs.email.send: $.tenant: new field is required",
    ),
    "type narrowed": (
        lambda now: now.schemas[MAIL]["properties"]["to"]["anyOf"].pop(),
        "jobs.email.send: $.to: type narrowed: array is no longer taken",
    ),
    "null no longer taken": (
        lambda now: now.schemas[MAIL]["properties"]["text"]["anyOf"].pop(),
        "jobs.email.send: $.text: type narrowed: null is no longer taken",
    ),
    "type changed": (
        lambda now: now.schemas["jobs.report.generate"]["properties"]["reportId"].update(type="integer"),
        "jobs.report.generate: $.reportId: type narrowed: string is no longer taken",
    ),
    "limit tightened": (
        lambda now: now.schemas[MAIL]["properties"]["subject"].update(maxLength=200),
        "jobs.email.send: $.subject: limit tightened: longest length was 500, is 200",
    ),
    "limit of a list tightened": (
        lambda now: now.schemas[MAIL]["properties"]["to"]["anyOf"][1].update(maxItems=10),
        "jobs.email.send: $.to: limit tightened: greatest number of items was 50, is 10",
    ),
    "limit of a number tightened": (
        lambda now: now.schemas["jobs.maintenance.files"]["properties"]["olderThanDays"]["anyOf"][0].update(minimum=7),
        "jobs.maintenance.files: $.olderThanDays: limit tightened: least value was 1, is 7",
    ),
    "pattern changed": (
        lambda now: now.schemas["jobs.sync.external"]["properties"]["service"].update(pattern="^[a-z]+"),
        "jobs.sync.external: $.service: pattern changed",
    ),
    "values enumerated": (
        lambda now: now.schemas["jobs.sync.external"]["properties"]["service"].update(enum=["github"]),
        "jobs.sync.external: $.service: enum value removed: every other value",
    ),
    "subject gone": (lambda now: now.schemas.pop(MAIL), "jobs.email.send: subject gone, which"),
    "event's field not always there": (
        lambda now: now.schemas[EVENT]["required"].remove("due"),
        "cron: $.due: field made required (seen by its readers)",
    ),
    "unknown fields refused": (
        lambda now: now.schemas[MAIL].update(additionalProperties=False),
        "jobs.email.send: $: unknown fields are no longer ignored",
    ),
    "header renamed": (
        lambda now: now.headers["dead"]["properties"].update(Why=now.headers["dead"]["properties"].pop("Dead-Reason")),
        "headers of dead: $.Dead-Reason: field removed",
    ),
    "header of a job made required": (
        lambda now: now.headers["jobs"].update(required=["Job-Id"]),
        "headers of jobs: $.Job-Id: field made required",
    ),
    "limit of messages lowered": (
        lambda now: now.topology["limits"].update(bodyAndHeadersBytes=1024),
        "limits: limit tightened: bodyAndHeadersBytes was 524288, is 1024",
    ),
    "time until another worker raised": (
        lambda now: now.topology["limits"].update(acknowledgeSeconds=60),
        "limits: limit tightened: acknowledgeSeconds was 30",
    ),
    "length of ids in subjects changed": (
        lambda now: now.topology["limits"].update(jobIdBytesBeforeHash=500),
        "limits: limit tightened: jobIdBytesBeforeHash was 200, is 500",
    ),
    "limit gone": (
        lambda now: now.topology["limits"].pop("deadLetterDays"),
        "limits: deadLetterDays is gone",
    ),
    "limit of a stream lowered": (
        lambda now: _stream(now, "EMAIL")["config"].update(max_msg_size=1024),
        "streams: EMAIL: limit tightened: max_msg_size was 524288, is 1024",
    ),
    "dead letters kept for less": (
        lambda now: _stream(now, "EMAIL_DLQ")["config"].update(max_age=1),
        "streams: EMAIL_DLQ: limit tightened: max_age was",
    ),
    "subject taken from a stream": (
        lambda now: _stream(now, "EMAIL_LATER").update(subjects=["later.email.>"]),
        "streams: EMAIL_LATER: subject gone: due.email.>",
    ),
    "stream gone": (
        lambda now: now.topology["streams"].remove(_stream(now, "EMAIL")),
        "streams: EMAIL is gone",
    ),
    "consumer gone": (lambda now: now.topology["consumers"].clear(), "consumers: email on EMAIL is gone"),
    "reason gone": (lambda now: now.topology["deadReasons"].remove("crash-loop"), "deadReasons: crash-loop is gone"),
    "given up after fewer attempts": (
        lambda now: now.topology["retries"]["email.send"].update(most=4),
        "retries: email.send is given up sooner: after 4 attempts, was 24",
    ),
    "given up after a shorter time": (
        lambda now: now.topology["retries"]["sync.external"].update(ceilingSeconds=60, spanSeconds=1000),
        "retries: sync.external is given up sooner: after 1000 seconds, was",
    ),
    "kind of subject gone": (lambda now: now.topology["subjects"].clear(), "subjects: jobs.<type> is gone"),
    "operation gone": (lambda now: _http(now).pop("post"), "POST /v1/jobs/email.send: operation gone"),
    "path gone": (
        lambda now: now.openapi["paths"].pop("/v1/jobs/email.send/{id}"),
        "GET /v1/jobs/email.send/{id}: operation gone",
    ),
    "parameter gone": (
        lambda now: _post(now)["parameters"].pop(1),
        "POST /v1/jobs/email.send: parameter delay gone",
    ),
    "parameter made required": (
        lambda now: _post(now)["parameters"][0].update(required=True),
        "POST /v1/jobs/email.send: parameter Idempotency-Key is required now",
    ),
    "parameter narrowed": (
        lambda now: _post(now)["parameters"][0]["schema"].update(maxLength=20),
        "POST /v1/jobs/email.send: parameter Idempotency-Key: $: limit tightened",
    ),
    "body narrowed": (
        lambda now: _component(now, "SendEmail")["required"].append("text"),
        "POST /v1/jobs/email.send: body: $.text: field made required",
    ),
    "media type no longer taken": (
        lambda now: _post(now)["requestBody"]["content"].clear(),
        "POST /v1/jobs/email.send: body application/json no longer taken",
    ),
    "field of an answer removed": (
        lambda now: _component(now, "JobReceipt")["properties"].pop("sequence"),
        "POST /v1/jobs/email.send: answer 202: $.job.sequence: field removed",
    ),
    "field of an answer not always there": (
        lambda now: _component(now, "JobReceipt")["required"].remove("id"),
        "POST /v1/jobs/email.send: answer 202: $.job.id: field made required (seen by its readers)",
    ),
    "another success": (
        lambda now: _post(now)["responses"].update({"200": _post(now)["responses"].pop("202")}),
        "POST /v1/jobs/email.send: success 202 gone",
    ),
    "operation renamed": (
        lambda now: _post(now).update(operationId="sendMail"),
        "POST /v1/jobs/email.send: renamed from enqueueEmailSend",
    ),
    "another scope": (
        lambda now: _post(now).update(security=[{"key": ["mail"]}]),
        "POST /v1/jobs/email.send: other scopes needed",
    ),
}


def _http(now: Contracts) -> Any:
    return now.openapi["paths"]["/v1/jobs/email.send"]


def _post(now: Contracts) -> Any:
    return _http(now)["post"]


def _component(now: Contracts, name: str) -> Any:
    return now.openapi["components"]["schemas"][name]


def _stream(now: Contracts, name: str) -> Any:
    return next(stream for stream in now.topology["streams"] if stream["name"] == name)


@pytest.mark.parametrize(("change", "expected"), BREAKING.values(), ids=BREAKING)
def test_a_breaking_change_is_caught_by_name(change: Change, expected: str) -> None:
    """It says which, since when, and what to do."""
    changed = copy.deepcopy(NOW)
    change(changed)
    found = breaking_changes(changed, [dataclasses.replace(NOW, version="1.2.3")])
    (line,) = [line for line in found if line.startswith(expected)] or [""]
    assert line, found
    assert "1.2.3" in line
    assert "jobs.email.send.v2" in line or not line.startswith("jobs.email.send:")
    assert line.endswith((".", "while."))


COMPATIBLE: dict[str, Change] = {
    "nothing": lambda _: None,
    "optional field added": lambda now: now.schemas[MAIL]["properties"].update(tenant={"type": "string"}),
    "field of an event added": lambda now: now.schemas[EVENT]["properties"].update(misfire={"type": "string"}),
    "field made optional": lambda now: now.schemas[MAIL]["required"].remove("subject"),
    "limit loosened": lambda now: now.schemas[MAIL]["properties"]["subject"].update(maxLength=900),
    "limit gone": lambda now: now.schemas[MAIL]["properties"]["subject"].pop("maxLength"),
    "text of an event may be longer": lambda now: now.schemas[EVENT]["properties"]["schedule"].update(maxLength=1000),
    "longer duplicate window": lambda now: now.topology["limits"].update(duplicateWindowSeconds=600),
    "type widened": lambda now: now.schemas["jobs.report.generate"]["properties"]["reportId"].update(
        {"anyOf": [dict(now.schemas["jobs.report.generate"]["properties"]["reportId"]), {"type": "integer"}]}
    ),
    "words changed": lambda now: now.schemas[MAIL].update(description="Otherwise."),
    "message added": lambda now: now.schemas.update({"jobs.message.added": now.schemas[MAIL]}),
    "header added": lambda now: now.headers["dead"]["properties"].update({"Dead-Host": {"type": "string"}}),
    "limit raised": lambda now: now.topology["limits"].update(deadLetterDays=60),
    "time until another worker lowered": lambda now: now.topology["limits"].update(acknowledgeSeconds=20),
    "tried more often": lambda now: now.topology["retries"]["email.send"].update(most=99, spanSeconds=99_999),
    "policy of a type that had none": lambda now: now.topology["retries"].update({"message.added": {"most": 1}}),
    "reason added": lambda now: now.topology["deadReasons"].append("expired"),
    "operation added": lambda now: now.openapi["paths"].update({"/v2/jobs": _http(now)}),
    "parameter added": lambda now: _post(now)["parameters"].append(
        {"name": "priority", "in": "query", "schema": {"type": "integer"}}
    ),
    "field of an answer added": lambda now: _component(now, "JobReceipt")["properties"].update(host={"type": "string"}),
    "problem added": lambda now: _post(now)["responses"].update({"402": {"description": "Pay."}}),
    "description changed": lambda now: _post(now).update(summary="Otherwise."),
}


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE)
def test_a_change_that_breaks_nobody_passes(change: Change) -> None:
    """New optional things may be added, limits be raised, words be changed."""
    changed = copy.deepcopy(NOW)
    change(changed)
    assert not breaking_changes(changed, [NOW])


def test_the_next_version_of_a_type_is_advised() -> None:
    """What breaks version 2 becomes version 3."""
    release = dataclasses.replace(copy.deepcopy(NOW), schemas={"jobs.email.send.v2": NOW.schemas[MAIL]})
    (line,) = breaking_changes(NOW, [release])
    assert "jobs.email.send.v3" in line


def test_a_value_removed_of_an_enumeration_is_named() -> None:
    """And one added is none of a writer's business, but of a reader's."""
    old, new = {"enum": ["a", "b"], "type": "string"}, {"enum": ["b", "c"], "type": "string"}
    assert narrowings(old, new) == ["$: enum value removed: a"]
    assert widenings(old, new) == ["$: enum value removed: c (seen by its readers)"]


def test_a_whole_number_may_become_any_number() -> None:
    """But not the other way round."""
    assert narrowings({"type": "integer"}, {"type": "number"}) == []
    assert narrowings({"type": "number"}, {"type": "integer"}) == ["$: type narrowed: number is no longer taken"]


def test_alternatives_are_compared_whatever_their_order() -> None:
    """Each old one needs one new one that takes all of it."""
    text, number = {"type": "string", "maxLength": 9}, {"type": "integer"}
    assert narrowings({"anyOf": [text, number]}, {"anyOf": [number, text]}) == []
    assert narrowings({"anyOf": [text, number]}, {"anyOf": [number, {**text, "maxLength": 3}]}) == [
        "$: limit tightened: longest length was 9, is 3"
    ]


def test_what_is_kept_is_plain_json() -> None:
    """A release is read by any program."""
    for path in (released.RELEASED / "0.1.0").rglob("*.json"):
        json.loads(path.read_bytes())

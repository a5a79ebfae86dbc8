"""Send: a job of any type, by a form made of its contract; it is checked, shown, and then published."""

import shlex
from datetime import datetime
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from nightshift.cli.client.contract import check_body
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.cli.terminal.formatting import format_instant
from nightshift.console.actions.acting import doing
from nightshift.console.actions.asking import told
from nightshift.console.rights import Right
from nightshift.console.sending.job_form import PREFIX, FieldError, body_of, errors_in, fields_of, texts_of
from nightshift.console.sending.samples import sample_of
from nightshift.console.web.forms import as_written
from nightshift.console.web.pages import page
from nightshift.console.web.parameters import instant
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract import wire
from nightshift.documents.schemas import Schema, schema_of
from nightshift.messaging.outbound import JobTooLargeError
from nightshift.messaging.publish_arguments import new_job_id

_LONGEST_ID = 500


class _Job(NamedTuple):
    """A job that was filled in, and what is wrong with it."""

    type: str
    body: bytes
    job_id: str
    at: datetime | None
    tenant: str | None
    errors: list[FieldError]


async def show(visit: Visit) -> Response:
    """Show the job types, or the form of one."""
    job_type = visit.query.get("type", "")
    if not job_type:
        return page(visit, "send.html.j2", command="nightshift send --help", types=_types(visit), type="")
    schema = _schema(visit, job_type)
    packages = visit.console.settings.contracts_package
    sample = texts_of(sample_of(packages, job_type, schema))
    return _form(visit, job_type, schema, _values(visit, schema) if visit.form else sample)


async def send(visit: Visit) -> Response:
    """Check what was filled in, as fields or as JSON; show it; and once it was confirmed, publish it."""
    job_type = visit.query.get("type", "")
    schema = _schema(visit, job_type)
    values = _values(visit, schema)
    if visit.form.get("edit") == "yes":  # what another job carries, or what was just shown, is to be changed
        return _form(visit, job_type, schema, values)
    job = _filled_in(visit, job_type, schema, values)
    if job.errors:
        return _form(visit, job_type, schema, values, job.errors)
    if visit.form.get("confirmed") != "yes":
        return _preview(visit, job)
    try:
        return await _publish(visit, job)
    except JobTooLargeError as error:
        return _form(visit, job_type, schema, values, [FieldError("", str(error))])


def _values(visit: Visit, schema: Schema) -> dict[str, str]:
    return {name: as_written(visit.form.get(PREFIX + name, "")) for name in schema.get("properties", {})}


def _filled_in(visit: Visit, job_type: str, schema: Schema, values: dict[str, str]) -> _Job:
    form, errors = visit.form, list[FieldError]()
    if "body" in form:
        body = as_written(form["body"]).encode("utf-8", "surrogatepass")
    else:
        content, errors = body_of(schema, values)
        body = msgspec.json.encode(content)
    job_id = form.get("id", "").strip() or form.get("once", "") or new_job_id()
    tenant = form.get("tenant", "").strip()
    for name, text in (("id", job_id), ("tenant", tenant)):
        if len(text) > _LONGEST_ID or not text.isprintable():
            errors.append(FieldError("", f"The {name} may have {_LONGEST_ID} characters, all of which can be printed."))
    at = None
    try:
        at = _when(form.get("at", "").strip())
    except Refused as wrong:
        errors.append(FieldError("", wrong.detail))
    if not errors:
        try:
            check_body(visit.console.operator.catalogue.messages, job_type, body)
            body = msgspec.json.format(body, indent=-1)
        except UsageError as wrong:
            errors = [FieldError("", str(wrong))] if "body" in form else errors_in(str(wrong))
    return _Job(job_type, body, job_id, at, tenant or None, errors)


def _when(text: str) -> datetime | None:
    return instant(text) if text else None


async def _publish(visit: Visit, job: _Job) -> Response:
    message = msgspec.json.decode(job.body, type=visit.console.operator.catalogue.messages[job.type])
    publisher = await visit.console.operator.publisher()
    later = f", to run {format_instant(job.at)}" if job.at else ""
    async with doing(visit, "jobs.send", job.job_id, f"send {job.type}{later}") as result:
        if job.at is None:
            receipt = await publisher.publish(message, job_id=job.job_id, tenant=job.tenant)
        else:
            receipt = await publisher.publish_later(message, at=job.at, job_id=job.job_id, tenant=job.tenant)
        result.count = int(not receipt.duplicate)
    where = f"{receipt.stream}, message {receipt.sequence:,}"
    if receipt.duplicate:
        said = f"The broker had a job of this type and id already, at {where}, and dropped this one."
        return told(visit, "Not sent twice", [said], "/send", "warning")
    return told(visit, "Sent", [f"Job {job.job_id} is stored: {where}{later}."], "/send")


def _form(
    visit: Visit, job_type: str, schema: Schema, values: dict[str, str], errors: list[FieldError] | None = None
) -> Response:
    return page(
        visit,
        "send.html.j2",
        status=400 if errors else 200,
        command=f"nightshift send {job_type} @body.json",
        types=_types(visit),
        type=job_type,
        about=schema.get("description", "").partition("\n")[0],
        fields=fields_of(schema, values, errors or ()),
        text=as_written(visit.form["body"]) if "body" in visit.form else None,
        errors=[error.text for error in errors or () if not error.field],
        prefix=PREFIX,
        once=visit.form.get("once") or new_job_id(),
    )


def _preview(visit: Visit, job: _Job) -> Response:
    body = job.body.decode()
    options = f" --at {job.at.isoformat()}" if job.at else ""
    options += f" --tenant {shlex.quote(job.tenant)}" if job.tenant else ""
    command = f"nightshift send {job.type} {shlex.quote(body)} --id {shlex.quote(job.job_id)}{options}"
    headers = {wire.JOB_ID: job.job_id} | ({wire.TENANT: job.tenant} if job.tenant else {})
    given = " ".join(f"-H {name}:{shlex.quote(value)}" for name, value in headers.items())
    publish = f"nats req {given} {wire.job_subject(job.type)} {shlex.quote(body)}"
    return page(
        visit,
        "send_preview.html.j2",
        command=command if len(command) < 2_000 else "",  # noqa: PLR2004 - what somebody copies
        job=job,
        body=msgspec.json.format(job.body, indent=2).decode(),
        publish="" if job.at else publish,
        python=_in_python(visit, job),
    )


def _in_python(visit: Visit, job: _Job) -> str:
    """Return what an application writes to send the same."""
    kind = visit.console.operator.catalogue.messages[job.type]
    message = msgspec.json.decode(job.body, type=kind)
    when = f", at=datetime.fromisoformat({job.at.isoformat()!r})" if job.at else ""
    call, whose = "publish_later" if job.at else "publish", f", tenant={job.tenant!r}" if job.tenant else ""
    return (
        f"from {kind.__module__} import {kind.__qualname__}\n\n"
        f"await publisher.{call}({message!r}{when}, job_id={job.job_id!r}{whose})"
    )


def _types(visit: Visit) -> list[str]:
    return sorted(visit.console.operator.catalogue.sent_by_people())


def _schema(visit: Visit, job_type: str) -> Schema:
    types = _types(visit)
    if job_type not in types:
        text = (
            "is published by the gateway only"
            if job_type in visit.console.operator.catalogue.messages
            else "is no job type"
        )
        raise Refused(404, f"{job_type[:80]!r} {text}. There are: {', '.join(types)}.")
    return schema_of(visit.console.operator.catalogue.messages[job_type], wire.job_subject(job_type))


ROUTES = (
    Route("GET", "/send", show, Right.SEND),
    Route("POST", "/send", send, Right.SEND),
)

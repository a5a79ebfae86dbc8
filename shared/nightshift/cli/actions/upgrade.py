"""`nightshift upgrade --check`: whether this release can take over from the one that runs. It changes nothing."""

import argparse

from nightshift.broker import BrokerTooOldError, Connection, direct_get
from nightshift.cli.actions.doctor import COLUMNS, ORDER, run_check
from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.client.contract import check_body
from nightshift.cli.doctor.checks import Check
from nightshift.cli.doctor.finding import Finding, ok, skipped, warning, wrong
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.queries.streams import subjects_on
from nightshift.cli.queries.topology import service_names, topology_of
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import plural
from nightshift.contract import wire
from nightshift.topology.provisioning import check_version, differences
from nightshift.topology.topology import later_stream, queue_stream
from nightshift.version import VERSION

_PROVISION = "nightshift provision (part of the update)"


async def run(context: Context, _options: argparse.Namespace) -> int:
    """Print what taking over would mean, the worst first."""
    findings = list[Finding]()
    for check in CHECKS:
        with context.output.busy(f"comparing {check.__name__} …"):
            findings += await run_check(check, context)
    findings.sort(key=lambda finding: ORDER.index(finding.state))
    context.output.rows(findings, COLUMNS, none="")
    return ANSWER_IS_NO if any(finding.state == "wrong" for finding in findings) else DONE


async def releases(context: Context) -> list[Finding]:
    """Say what runs now."""
    running = await running_workers(await context.connection())
    versions = ", ".join(sorted({worker.version for worker in running})) or "nothing"
    return [ok("releases", f"this is {VERSION}; {versions} runs ({plural(len(running), 'process')})")]


async def migrations(context: Context) -> list[Finding]:
    """Compare the tables' revisions with those of this release; a database that is ahead belongs to a newer one."""
    opened = context.database()
    if opened is None:
        return [skipped("migrations", NO_DATABASE)]
    from nightshift.database import MigrationError, history_states  # noqa: PLC0415 - only with a database

    try:
        states = await history_states(opened, context.settings.schema_package)
    except MigrationError as error:
        return [wrong("migrations", str(error), "check SCHEMA_PACKAGE and the rights of DATABASE_URL's user")]
    found = list[Finding]()
    for one in states:
        if not one.is_known:
            text = f"the tables of {one.package} are at revision {one.at}, which this release does not know"
            found.append(wrong("migrations", text, "take a release that is as new, or restore a backup"))
        elif one.at != one.head:
            text = f"{one.package}: from revision {one.at or 'nothing'} to {one.head}"
            found.append(warning("migrations", text, f"{_PROVISION}; the release before goes on working meanwhile"))
    return found or [ok("migrations", "the tables are at this release's revisions")]


async def topology(context: Context) -> list[Finding]:
    """Compare broker, streams and consumers with what this release declares."""
    connection = await context.connection()
    try:
        check_version(str(connection.server_info.get("version", "")))
    except BrokerTooOldError as old:
        return [wrong("topology", str(old), "update the broker first")]
    found = await differences(connection, topology_of(context))
    return [warning("topology", line, _PROVISION) for line in found] or [
        ok("topology", "streams and consumers are as this release declares them")
    ]


async def contracts(context: Context) -> list[Finding]:
    """Read what waits by this release's contracts: types that it does not know, bodies that it would refuse."""
    connection, found = await context.connection(), list[Finding]()
    for service in service_names(context):
        for stream, words in ((queue_stream(service), ("jobs",)), (later_stream(service), ("later", "due"))):
            for word in words:
                for subject in await subjects_on(connection, stream, f"{word}.{service}.>"):
                    found += await _waiting(context, connection, stream, subject)
    return found or [ok("contracts", "what waits can be read by this release")]


async def _waiting(context: Context, connection: Connection, stream: str, subject: str) -> list[Finding]:
    job_type = ".".join(subject.split(".")[1:3])
    if job_type not in context.catalogue.messages:
        text = f"{subject} waits, and this release does not know {job_type}"
        return [wrong("contracts", text, "let the release that runs work it off, or keep the type")]
    # A page of each subject is enough to see whether bodies of its kind still fit.
    for message in await direct_get.page(connection, stream, subject):
        if wire.CLAIM in message.headers:
            continue
        try:
            check_body(context.catalogue.messages, job_type, message.body, unknown_fields=True)
        except UsageError as error:
            text = f"message {message.sequence} of {stream} would be a dead letter: {error}"
            return [warning("contracts", text, "let the release that runs work it off, or make the change compatible")]
    return []


CHECKS: tuple[Check, ...] = (releases, migrations, topology, contracts)

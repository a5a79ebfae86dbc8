"""`nightshift doctor`: check everything, report what is wrong and how to fix it."""

import argparse

from nightshift.broker import BrokerRefusedError
from nightshift.cli.client.context import Context
from nightshift.cli.doctor.checks import CHECKS, WITHOUT_BROKER, Check
from nightshift.cli.doctor.finding import Finding, wrong
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError
from nightshift.cli.terminal.table import Column
from nightshift.outcomes import Unavailable

COLUMNS = (
    Column("", lambda row: row.state, style=lambda row: row.state),
    Column("WHAT", lambda row: row.check),
    Column("FOUND", lambda row: row.found, words=True),
    Column("FIX", lambda row: row.fix if row.state != "ok" else "", words=True),
)
ORDER = ("wrong", "warning", "skipped", "ok")


async def run(context: Context, _options: argparse.Namespace) -> int:
    """Run every check, and print what they found, the worst first."""
    findings = list[Finding]()
    checks = CHECKS if await _connects(context, findings) else WITHOUT_BROKER
    for check in checks:
        with context.output.busy(f"checking {check.__name__} …"):
            findings += await run_check(check, context)
    findings.sort(key=lambda finding: ORDER.index(finding.state))
    context.output.rows(findings, COLUMNS, none="")
    return ANSWER_IS_NO if any(finding.state == "wrong" for finding in findings) else DONE


async def _connects(context: Context, findings: list[Finding]) -> bool:
    """Connect to the broker; return False if that fails: checks that need it are left out then."""
    try:
        await context.connection()
    except CommandError as away:
        findings.append(
            wrong("broker", str(away), "start it, or say where it is and who you are: --url, --creds, --user")
        )
        return False
    return True


async def run_check(check: Check, context: Context) -> list[Finding]:
    """Run a check; an error that stops it becomes a finding, so that the others still run."""
    try:
        return list(await check(context))
    except (CommandError, BrokerRefusedError, Unavailable) as error:
        return [wrong(check.__name__, str(error), "fix the other findings first, then run this again")]

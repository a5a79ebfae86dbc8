"""Checks of what services need outside of the stack (a mail server, an API): each process checks its own."""

from collections.abc import Sequence

from nightshift.cli.client.context import Context
from nightshift.cli.doctor.finding import Finding, ok, warning, wrong
from nightshift.cli.queries.discover_workers import check_workers, running_workers
from nightshift.cli.terminal.formatting import plural
from nightshift.topology.discovery import CHECKS_SECONDS, CheckResult, WorkerInfo

_CHECK = "dependencies"


async def dependencies(context: Context) -> list[Finding]:
    """Ask every process to check its outside dependencies, which takes as long as the slowest of them."""
    connection = await context.connection()
    running = await running_workers(connection)
    answers = {worker.name: worker for worker in await check_workers(connection, running)}
    results: dict[tuple[str, str], list[tuple[WorkerInfo, CheckResult]]] = {}
    for worker in answers.values():
        for result in worker.checks or ():
            results.setdefault((worker.service, result.name), []).append((worker, result))
    found = [_finding(service, name, said) for (service, name), said in results.items()]
    silent = [worker for worker in running if worker.name not in answers or answers[worker.name].checks is None]
    return found + [_unchecked(worker, answered=worker.name in answers) for worker in silent]


def _finding(service: str, name: str, said: Sequence[tuple[WorkerInfo, CheckResult]]) -> Finding:
    failed = [(worker, result) for worker, result in said if not result.ok]
    if not failed:
        return ok(_CHECK, f"{name} can be used ({plural(len(said), 'process')} of {service})")
    worker, result = failed[0]
    where = f"{len(failed)} of {plural(len(said), 'process')} of {service}, such as {worker.host}:{worker.pid}"
    return wrong(_CHECK, f"{name}: {result.error} ({where})", f"check it, its network, and the settings of {service}")


def _unchecked(worker: WorkerInfo, *, answered: bool) -> Finding:
    if answered:
        text = f"{worker.name} (version {worker.version}) does not know how to check its dependencies"
        return warning(_CHECK, text, "update it")
    text = f"{worker.name} did not answer within {CHECKS_SECONDS:g} s of being asked to check its dependencies"
    return warning(_CHECK, text, "look at its log, then run this again")

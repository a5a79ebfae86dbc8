"""The command line of the fault harness: `python -m tests.chaos --minutes 2 --seed 7`."""

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from nightshift.embedded.stack import Stack
from tests.chaos.cluster import NODES, ClusterStack
from tests.chaos.pace import BRISK, PACES, SERVICE
from tests.chaos.plan import CLUSTER_FAULTS, FAULTS, POSTGRES_FAULTS, VERY_LONG_RUN_SECONDS
from tests.chaos.run import Report, run
from tests.chaos.world import Scale
from tests.databases import postgres_database

_REST_SHARE = 0.55
"""Of a run of two minutes; what comes after the last fault takes as long in a long run as in a short one."""
_REST_SECONDS = 50.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; exit code 1 when a promise was broken."""
    options = _parser().parse_args(arguments)
    seed = options.seed or str(random.SystemRandom().randrange(10**6))
    seconds = options.minutes * 60
    fault_seconds = max(seconds - _REST_SECONDS, seconds * _REST_SHARE)
    kind = ClusterStack if options.cluster else Stack
    stack = kind.fresh("chaos", datetime.now().astimezone())
    scale = Scale(
        PACES[options.pace],
        per_second=options.rate,
        replicas=NODES if options.cluster else 1,
        tick_seconds=10 if fault_seconds >= VERY_LONG_RUN_SECONDS else 5,
    )
    _say(f"chaos: seed {seed}, faults for {fault_seconds:.0f} s; logs and journals in {stack.folder}")
    try:
        report = asyncio.run(_run(stack, scale, seed, fault_seconds, options.postgres))
    except KeyboardInterrupt:
        return 130
    return _print(report, options, stack)


async def _run(stack: Stack, scale: Scale, seed: str, fault_seconds: float, server: str | None) -> Report:
    if server is None:
        faults = CLUSTER_FAULTS if scale.replicas > 1 else FAULTS
        return await run(stack, scale, seed=seed, fault_seconds=fault_seconds, say=_say, faults=faults)
    async with postgres_database(server) as url:
        on_postgres = replace(scale, database_url=url)
        return await run(stack, on_postgres, seed=seed, fault_seconds=fault_seconds, say=_say, faults=POSTGRES_FAULTS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Runs the stack under a seeded schedule of faults, and checks that nothing is lost or done twice.",
        epilog="Exit code 0: every promise held. 1: one was broken; what, and how to run it again, is printed.",
    )
    parser.add_argument("--minutes", type=float, default=2, help="how long, roughly (default: 2)")
    parser.add_argument("--seed", help="of an earlier run, to have its faults again (default: a new one)")
    parser.add_argument("--rate", type=float, default=10, help="jobs per second that are sent (default: 10)")
    parser.add_argument(
        "--pace",
        choices=(BRISK.name, SERVICE.name),
        default="brisk",
        help="brisk: waits of the product shortened; service: as in service, but for ack_wait (give it 10 minutes)",
    )
    parser.add_argument(
        "--cluster", action="store_true", help="three brokers, whose leaders are killed again and again"
    )
    parser.add_argument(
        "--postgres", metavar="URL", help="a PostgreSQL server where a database may be made, in place of SQLite"
    )
    return parser


def _say(text: str = "") -> None:
    print(text, flush=True)  # noqa: T201 - a command's output


def _print(report: Report, options: argparse.Namespace, stack: Stack) -> int:
    _say()
    for name, value in report.figures.items():
        _say(f"  {name:<24}{value}")
    _say(f"  {'seed':<24}{report.seed}\n")
    if not report.breaches:
        _say("Every promise held.")
        return 0
    _say("Broken:")
    for breach in report.breaches:
        _say(f"  {breach}")
    again = f"python -m tests.chaos --minutes {options.minutes:g} --seed {report.seed} --rate {options.rate:g}"
    again += f" --pace {options.pace}" + " --cluster" * options.cluster + " --postgres …" * bool(options.postgres)
    _say(f"\nThe same faults again: {again}\nLogs and journals: {stack.folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

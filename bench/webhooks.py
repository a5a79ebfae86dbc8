"""Webhooks per second at the gateway, beside a bare route of the same server in one run: `python -m bench.webhooks`.

On a machine that does other things as well the rates say little: what the processor takes for each says more.
"""

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench import http_load
from bench.http_load import Load, post
from bench.processor_time import processor_seconds
from bench.report import write_figures
from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.webhooks.scheme import Sample
from nightshift.webhooks.schemes.stripe import StripeScheme

CALLERS = 100
BODY_BYTES = 2000
_SECRET = "whsec_" + "bench" * 6
_SIGNER, _FORGER = StripeScheme((_SECRET,)), StripeScheme(("whsec_" + "forge" * 6,))
_SOURCES = '[stripe]\nscheme = "stripe"\nsecrets = ["env:STRIPE_SECRET"]\n'
_ALIKE = {"GATEWAY_JOBS": ""}


@dataclass
class Rounds:
    """What a way of sending did, round by round."""

    rates: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)
    """Of the server's processor, for each request."""

    def figure(self) -> str:
        """Return the medians."""
        p50, p99 = (statistics.quantiles(self.latencies_ms, n=100)[percent - 1] for percent in (50, 99))
        cost = f"{statistics.median(self.microseconds):,.0f} µs of the processor each"
        return f"{statistics.median(self.rates):,.0f} /s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {cost}"


@dataclass(frozen=True)
class Way:
    """A way of sending: to which process, where, what, and the status of each answer."""

    title: str
    process: int
    port: int
    path: str
    signer: StripeScheme
    status: int
    before: Callable[[], Awaitable[object]] | None = None

    def requests(self, count: int) -> Sequence[bytes]:
        """Return so many events, each with an id of its own, signed now."""
        return [_event(self.path, self.signer) for _ in range(count)]


def _event(path: str, signer: StripeScheme) -> bytes:
    event = {"id": f"evt_{secrets.token_hex(12)}", "object": "event", "type": "invoice.paid", "created": 1}
    filler = BODY_BYTES - len(json.dumps(event)) - len(', "data": ""')
    body = json.dumps({**event, "data": "x" * filler}).encode()
    return post(path, body, signer.sign(Sample(body), time.time()).headers)


@dataclass(frozen=True)
class _Running:
    stack: Stack
    gateway: int
    bare: int
    bare_port: int


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[_Running]:
    """The stack with the gateway and, beside it, the bare route."""
    stack = Stack(folder)
    await stack.start()
    (port,) = free_ports(1)
    sources = folder / "webhooks.toml"
    sources.write_text(_SOURCES, encoding="utf-8")
    extra = {**_ALIKE, "GATEWAY_WEBHOOKS": str(sources), "STRIPE_SECRET": _SECRET}
    gateway = Service(stack, "gateway", extra=extra)
    reference = stack.process("bench.bare_route", extra={**_ALIKE, "GATEWAY_PORT": str(port)})
    try:
        await stack.provision()
        await gateway.start()
        await gateway.ready()
        yield _Running(stack, gateway.process.pid, reference.pid, port)
    finally:
        await reference.kill()
        await gateway.kill()
        await stack.kill()


async def measure(requests: int, rounds: int) -> dict[str, Rounds]:
    """Every way in turn, round by round; last, without a broker."""
    measured: dict[str, Rounds] = {}
    with tempfile.TemporaryDirectory() as name:
        async with running(Path(name)) as on:
            connection = await connect(ProcessSettings(nats_url=on.stack.broker.url), name="bench")

            async def empty() -> None:
                await manage(connection, "STREAM.PURGE.WEBHOOK")

            port, path = on.stack.gateway_port.number, "/webhooks/stripe"
            ways = (
                Way("a bare route of the same server", on.bare, on.bare_port, "/bare", _SIGNER, 202),
                Way("verified, into the queue", on.gateway, port, path, _SIGNER, 200, empty),
                Way("refused: a wrong signature", on.gateway, port, path, _FORGER, 401),
            )
            for number in range(rounds):
                for way in ways:
                    await _round(way, requests, measured, number)
            await connection.close()
            await on.stack.broker.stop()
            away = Way("verified, into the outbox", on.gateway, port, path, _SIGNER, 200)
            for number in range(rounds):
                await _round(away, requests // 4, measured, number)
    return measured


async def _round(way: Way, requests: int, measured: dict[str, Rounds], number: int) -> None:
    if way.before:
        await way.before()
    events, spent = way.requests(requests), processor_seconds(way.process)
    load: Load = await http_load.send(way.port, events, CALLERS)
    load.expect(way.status)
    rounds = measured.setdefault(way.title, Rounds())
    rounds.rates.append(load.rate)
    rounds.latencies_ms += load.latencies_ms
    rounds.microseconds.append((processor_seconds(way.process) - spent) / requests * 1e6)
    print(
        f"  round {number + 1}  {way.title:<36}{load.rate:>10,.0f} /s {rounds.microseconds[-1]:>8,.0f} µs", flush=True
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.webhooks", description=__doc__, epilog="example: python -m bench.webhooks --requests 5000"
    )
    parser.add_argument("--requests", type=int, default=20_000, help="requests per way and round (20000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved (3)")
    options = parser.parse_args()
    measured = uvloop.run(measure(options.requests, options.rounds))
    rows = {title: rounds.figure() for title, rounds in measured.items()}
    bare, ours, refused = (statistics.median(rounds.microseconds) for rounds in list(measured.values())[:3])
    rows["verified, beside the bare route"] = f"{ours / bare:.1f} times the processor"
    rows["refused, beside verified"] = f"{refused / ours:.0%} of the processor"
    how = f"median of {options.rounds} rounds, {CALLERS} callers, bodies of {BODY_BYTES} bytes, one gateway process"
    print(write_figures("webhooks", f"{how}, client and broker beside it, sync_interval: always", rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

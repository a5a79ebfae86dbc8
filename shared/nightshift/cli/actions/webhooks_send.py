"""`nightshift webhooks send`: play a provider: sign a sample with the local secret, and post it to the gateway."""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import quote
from uuid import uuid4

import msgspec

from nightshift.cli.client.context import Context
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UNAVAILABLE, CommandError, UsageError
from nightshift.config.env_settings import FromEnvironment, load
from nightshift.config.extras import extra
from nightshift.config.settings import Pattern
from nightshift.text import meant_or_all
from nightshift.webhooks.event import UNKNOWN
from nightshift.webhooks.received import job_id_of
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, SignedSample
from nightshift.webhooks.source import Source
from nightshift.webhooks.sources import load_sources

with extra("gateway", "nightshift webhooks send"):
    import httpx

_TIMEOUT_SECONDS = 30.0


class SendSettings(FromEnvironment, frozen=True, kw_only=True):
    """Where the gateway is, and which sources it has."""

    gateway_webhooks: Annotated[Path | None, msgspec.Meta(description="The gateway's file of sources.")] = None
    gateway_url: Annotated[
        str | None,
        Pattern(r"https?://[^\s?#@]+", "https://hooks.example.com"),
        msgspec.Meta(description="Address of the gateway; on this machine, with its own port, if not set."),
    ] = None
    gateway_port: Annotated[int, msgspec.Meta(ge=0, le=65_535, description="Port of a gateway on this machine.")] = 8080

    @property
    def address(self) -> str:
        """Where the gateway is."""
        return self.gateway_url or f"http://127.0.0.1:{self.gateway_port}"


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the gateway said of an event; `job` is the id of the job that it becomes."""

    event: str
    job: str
    source: str
    status: int
    body: str


async def run(context: Context, options: argparse.Namespace) -> int:
    """Sign a sample, and post it to the gateway."""
    settings = load(SendSettings, context.environ)
    source = _source(context, options, settings)
    body = _read(options.sample)
    sample = Sample(
        _renamed(body) if options.new_id else body,
        content_type=options.content_type,
        event_type=options.type,
        event_id=options.id,
    )
    signed = _signed(source, sample)
    event = source.event(_request(sample, signed))
    if event.type == UNKNOWN:
        context.output.note(
            "Nothing says what type of event this is (--type, or in the body): it becomes a dead letter."
        )
    answer = await _post(source, event.id, sample, signed, (options.to or settings.address).rstrip("/"))
    if context.output.as_json:
        context.output.json(answer)
    context.output.line(f"the gateway answered {answer.status}: {answer.body}")
    if answer.status != httpx.codes.OK:
        return ANSWER_IS_NO
    context.output.note(f"What becomes of it: nightshift jobs find {shlex.quote(answer.job)}")
    return DONE


def _source(context: Context, options: argparse.Namespace, settings: SendSettings) -> Source:
    file = options.sources or settings.gateway_webhooks
    if file is None:
        raise UsageError("GATEWAY_WEBHOOKS is not set: name the gateway's file of sources, or give --sources FILE")
    sources = load_sources(file, context.environ)
    if options.source not in sources:
        hint = meant_or_all(options.source, sorted(sources))
        raise UsageError(f"{file} has no source {options.source!r}{hint}")
    return sources[options.source]


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None


def _renamed(body: bytes) -> bytes:
    """Return a JSON body with an `id` that no other event has."""
    try:
        event = json.loads(body)
    except ValueError as error:
        raise UsageError(f"--new-id is for a body that is a JSON object: {error}") from None
    if not isinstance(event, dict):
        raise UsageError("--new-id is for a body that is a JSON object")
    before = str(event.get("id", "evt_"))
    return json.dumps(
        {**event, "id": f"{before.rpartition('_')[0] or 'evt'}_{uuid4().hex}"}, ensure_ascii=False
    ).encode()


def _signed(source: Source, sample: Sample) -> SignedSample:
    try:
        return source.scheme.sign(sample, time.time())
    except ValueError as error:
        raise UsageError(f"{source.name} has no secret that signs: {error}") from None


def _request(sample: Sample, signed: SignedSample) -> WebhookRequest:
    headers = [(name.encode(), value.encode()) for name, value in signed.headers.items()]
    return WebhookRequest(sample.body, headers, signed.query.encode())


async def _post(source: Source, event_id: str, sample: Sample, signed: SignedSample, gateway: str) -> Answer:
    query = f"?{signed.query}" if signed.query else ""
    url = f"{gateway}/webhooks/{quote(source.name)}{query}"
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            response = await client.post(url, content=sample.body, headers=signed.headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        words = str(error) or type(error).__name__
        raise CommandError(f"no answer from the gateway at {gateway}: {words}", UNAVAILABLE) from None
    return Answer(
        event=f"{source.name}/{event_id}",
        job=job_id_of(source.name, event_id),
        source=source.name,
        status=response.status_code,
        body=response.text.strip()[:2000],
    )

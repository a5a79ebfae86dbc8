"""The mail server of the embedded stack: it accepts every message, stores it as a file, and forwards nothing.

python -m nightshift.embedded.servers.mail --dir var/up/mail --port 2525
"""

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.mailbox import Mailbox
from nightshift.embedded.servers.smtp_script import HELP, Refusals

_LOG = logging.getLogger("nightshift.embedded.servers.mail")


class Catcher:
    """The handler that aiosmtpd calls at each step."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._refusals = Refusals()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        """Accept a sender, or refuse it as the script says."""
        del server, session
        refusal = self._refusals.at_sender(address)
        if refusal is not None:
            _LOG.info("refused the sender %s: %s", address, refusal)
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Accept a recipient, or refuse it as the script says."""
        del session, rcpt_options
        refusal = self._refusals.at_recipient(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
            return "250 OK"
        _LOG.info("refused %s: %s", address, refusal)
        if refusal.startswith("421"):
            await server.push(refusal)
            _close(server)
        return refusal

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Store a message, or refuse it as the script says."""
        del session
        recipients = envelope.rcpt_tos
        refusal = self._refusals.at_message(recipients)
        if refusal:
            _LOG.info("refused a message to %s: %s", ", ".join(recipients), refusal)
            return refusal
        try:
            file = self._mailbox.store(envelope.original_content or b"", envelope.mail_from or "", recipients)
        except OSError as error:  # the disk is full, most of the time: the sender is to come again
            _LOG.error("cannot store a message to %s: %s", ", ".join(recipients), error)
            return f"452 4.3.1 insufficient system storage: {error.strerror or type(error).__name__}"
        _LOG.info("%s for %s", file.name, ", ".join(recipients))
        if self._refusals.breaks_after(recipients):
            _close(server)
        return f"250 OK stored as {file.name}"


def _close(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.close()


async def serve(folder: Path, port: int, name: str) -> None:
    """Serve SMTP on a loopback port until SIGTERM or Ctrl-C. `name` is the host name in its greeting."""
    loop = asyncio.get_running_loop()
    catcher = Catcher(Mailbox(folder))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers in its loop
            loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(
        lambda: SMTP(catcher, hostname=name, ident="mail catcher", enable_SMTPUTF8=True, loop=loop), LOOPBACK, port
    )
    _LOG.info("SMTP on %s:%d, messages go to %s", LOOPBACK, port, folder)
    await stopped.wait()
    server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the catcher from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m nightshift.embedded.servers.mail",
        description="An SMTP server on loopback that delivers nothing: each message becomes an .eml file.",
        epilog=f"{HELP}\n\nExample: python -m nightshift.embedded.servers.mail --dir var/mail --port 2525",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dir", type=Path, required=True, help="folder for the messages, NNNN-<subject>.eml")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--name", default="localhost", help="host name in the greeting (default: localhost)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's own, a line per command
    try:
        asyncio.run(serve(options.dir, options.port, options.name))
    except OSError as error:
        raise SystemExit(f"the mail catcher cannot serve {LOOPBACK}:{options.port}: {error}") from None


if __name__ == "__main__":
    main()

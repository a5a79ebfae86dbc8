"""The settings of the email service."""

import socket
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from contracts.email import ADDRESS
from nightshift import Permanent, Settings
from nightshift.config.host_name import is_host
from nightshift.config.settings import OBJECTS, Pattern, Secret
from services.email.address_check import mailbox
from services.email.helo import usable_name
from services.email.mailer import Transport
from services.email.patience import Patience
from services.email.rules import MailRules, rule_problems
from services.email.smtp_config import SmtpServer, Tls

_MEBIBYTE = 1024 * 1024
_SENDER = r"^[^\s@<>]*@[^\s@<>]+$"
_USUAL_PORT: dict[Tls, int] = {"none": 25, "starttls": 587, "implicit": 465}


class EmailSettings(Settings, frozen=True, kw_only=True):
    """Sender and transport of mail."""

    REQUIRES = OBJECTS

    slots: Annotated[
        int, Meta(ge=1, description="Mails that a worker sends at the same time, with their attachments.")
    ] = 16
    mail_from: Annotated[
        str,
        Pattern(ADDRESS, "Acme <hello@acme.example>"),
        Meta(description="Sender of a mail that does not name its own."),
    ]
    mail_senders: Annotated[
        tuple[Annotated[str, Meta(pattern=_SENDER)], ...],
        Meta(
            description="Who else a mail may come from: addresses, or all of a domain as @acme.example. A mail from "
            "anybody else is refused."
        ),
    ] = ()
    mail_attachment_prefixes: Annotated[
        tuple[str, ...],
        Meta(
            description="Folders of the bucket whose objects may be attached, whoever asks for the mail. The service's "
            "key at the object store must be able to read them."
        ),
    ] = ("reports/",)
    mail_transport: Annotated[Transport, Meta(description="How mail is sent: smtp, or through Resend.")] = "smtp"
    mail_attachment_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description="Attachments of one mail together; a mail with more is refused. Takes four times that of "
            "memory per slot, and a third more on the way.",
        ),
    ] = 10 * _MEBIBYTE

    mail_wait_seconds: Annotated[
        float,
        Meta(gt=0, description="How long a mail waits that a server puts off (4xx); doubles each time, up to an hour."),
    ] = 300
    mail_give_up_hours: Annotated[
        float, Meta(gt=0, description="For how long a mail is sent again that servers put off; then a dead letter.")
    ] = 48

    smtp_host: Annotated[
        str | None,
        Pattern(r"[^\s/:@\[\]]+|\[?[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%\w+)?\]?", "smtp.example.com"),
        Meta(description="Mail server that accepts the mail: a name, or an address such as 192.0.2.1 or 2001:db8::1."),
    ] = None
    smtp_port: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None,
        Meta(description="Its port; if not set 587 for starttls, 465 for implicit, 25."),
    ] = None
    smtp_tls: Annotated[
        Tls, Meta(description="starttls encrypts the connection after its start, implicit from the start, none never.")
    ] = "starttls"
    smtp_ca_file: Annotated[
        Path | None, Meta(description="Certificate authority that signed the mail server's certificate (PEM).")
    ] = None
    smtp_user: Annotated[str | None, Meta(description="User name at the mail server.")] = None
    smtp_password: Annotated[Secret | None, Meta(description="Password at the mail server.")] = None
    smtp_helo: Annotated[
        str | None,
        Pattern(r"[A-Za-z0-9._\[\]:-]+", "app.example.com"),
        Meta(
            description="Our name in EHLO to the mail server. If not set, this machine's name where it has a dot, else "
            "its address in brackets, which servers accept that refuse a bare name.",
        ),
    ] = None
    smtp_connections: Annotated[int, Meta(ge=1, description="Connections to the mail server at the same time.")] = 8

    resend_api_key: Annotated[Secret | None, Meta(description="API key of Resend.")] = None
    resend_url: Annotated[
        str,
        Pattern(r"https?://[^\s?#]+", "https://api.resend.com"),
        Meta(description="Address of Resend's API."),
    ] = "https://api.resend.com"

    resend_per_second: Annotated[
        float,
        Meta(
            gt=0,
            description="Mails per second that this worker sends to Resend at most. Resend's own limit is for a whole "
            "team (2 unless more was granted): share it among the replicas.",
        ),
    ] = 2.0

    def check(self) -> Iterable[str]:
        """Yield what is missing for the chosen transport, and what would not be safe."""
        yield from super().check()
        if self.mail_transport == "resend" and not self.resend_api_key:
            yield "RESEND_API_KEY is missing: MAIL_TRANSPORT=resend needs it"
        if self.mail_transport == "smtp":
            yield from self._check_smtp()
        try:
            mailbox(self.mail_from)
        except Permanent as error:
            yield f"MAIL_FROM: {error}"
        yield from rule_problems(self.mail_senders, self.mail_attachment_prefixes)

    @property
    def rules(self) -> MailRules:
        """What a mail may ask for."""
        return MailRules(
            sender=self.mail_from,
            senders=self.mail_senders,
            attachment_prefixes=self.mail_attachment_prefixes,
            attachment_bytes=self.mail_attachment_bytes,
        )

    @property
    def patience(self) -> Patience:
        """How long to wait for a server that puts a mail off."""
        return Patience(
            first=timedelta(seconds=self.mail_wait_seconds), give_up=timedelta(hours=self.mail_give_up_hours)
        )

    @property
    def smtp(self) -> SmtpServer:
        """The mail server to send through."""
        return SmtpServer(
            host=(self.smtp_host or "").strip("[]"),
            port=self.smtp_port or _USUAL_PORT[self.smtp_tls],
            tls=self.smtp_tls,
            user=self.smtp_user,
            password=self.smtp_password,
            ca_file=self.smtp_ca_file,
            helo=self.smtp_helo or usable_name(socket.gethostname()),
            connections=self.smtp_connections,
        )

    def _check_smtp(self) -> Iterator[str]:
        if not self.smtp_host:
            yield "SMTP_HOST is missing: MAIL_TRANSPORT=smtp needs it"
        elif not is_host(self.smtp.host):
            yield f"SMTP_HOST: is {self.smtp_host!r}, which cannot exist, expected something like smtp.example.com"
        if bool(self.smtp_user) != bool(self.smtp_password):
            missing = "SMTP_PASSWORD" if self.smtp_user else "SMTP_USER"
            yield f"{missing} is missing: SMTP_USER and SMTP_PASSWORD belong together"
        if self.smtp_user and self.smtp_tls == "none":
            yield "SMTP_TLS=none would send SMTP_PASSWORD readable for all: use starttls or implicit"
        try:
            self.smtp.tls_context()
        except OSError as error:
            yield f"SMTP_CA_FILE: cannot use {self.smtp_ca_file}: {error.strerror or error}"

"""The address and connection options of an SMTP server."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nightshift.config.settings import Secret

Tls = Literal["none", "starttls", "implicit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """An SMTP server to send through: a relay, a provider's submission port, a catcher."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: Secret | None = None
    ca_file: Path | None = None
    """Certificate authorities to trust instead of the system's (PEM)."""
    helo: str | None
    """Our name in EHLO; None for the literal of our address."""
    connect_timeout_seconds: float = 15.0
    timeout_seconds: float = 30.0
    """For each reply except the one to a transmitted message."""
    data_timeout_seconds: float = 45.0
    """For the reply to a transmitted message. As long as a job may take: giving up may send a mail twice."""
    connections: int = 4
    """Maximum at a time; a mail waits for one of them."""
    idle_seconds: float = 20.0
    """A connection that was idle for longer is not reused: the server, or a firewall, may have dropped it."""

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS context; certificate and host name are always verified.

        Raises:
            OSError: the CA file cannot be read or holds no certificate.
        """
        return None if self.tls == "none" else ssl.create_default_context(cafile=self.ca_file)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

"""The providers that a stack on this machine takes webhooks of, with secrets that were made for it."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

from nightshift.embedded.kept_settings import WEBHOOK_SOURCES

EVENTS = Path(__file__).resolve().parent / "events"
"""What each of them sends, as it would be posted."""
_SCHEMES: Mapping[str, str] = {"stripe": "stripe", "github": "github", "resend": "standard"}
_SECRETS = "webhook-secrets"
_SECRET_BYTES = 24


def write_sources(folder: Path) -> Path:
    """Write the file of sources, and their secrets, into a stack's folder; what is there stays. Return the file."""
    file = folder / WEBHOOK_SOURCES
    if not file.exists():
        file.write_text("".join(_source(folder, name, scheme) for name, scheme in _SCHEMES.items()), encoding="utf-8")
    return file


def _source(folder: Path, name: str, scheme: str) -> str:
    secret = folder / _SECRETS / name
    secret.parent.mkdir(exist_ok=True)
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    # In the form that Stripe and Standard Webhooks give theirs; GitHub takes any.
    secret.write_text("whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode() + "\n", encoding="ascii")
    return f'[{name}]\nscheme = "{scheme}"\nsecrets = ["file:{secret.as_posix()}"]\n'

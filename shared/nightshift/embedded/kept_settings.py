"""Settings of a stack that files hold: those of its own folder, and those that its project adds."""

import base64
import secrets
from pathlib import Path

from nightshift.config import env_file
from nightshift.embedded.own_settings import OWN_SETTINGS
from nightshift.embedded.processes.process import StartFailedError

WEBHOOK_SOURCES = "webhooks.toml"
"""A file of this name in a stack's folder says whose webhooks its gateway takes; without one it takes none."""


def kept_settings(folder: Path, project: Path) -> dict[str, str]:
    """Return the settings that the files in a stack's folder, and in its project's, say.

    Raises:
        StartFailedError: the project's file cannot be read; the text says why.
    """
    sources = folder / WEBHOOK_SOURCES
    webhooks = {"GATEWAY_WEBHOOKS": str(sources)} if sources.exists() else {}
    return {"ACCOUNT_KEYS": _account_key(folder), **webhooks, **_added(project / OWN_SETTINGS)}


def _account_key(folder: Path) -> str:
    """Return the key for credentials in this stack's database; made at its first use."""
    file = folder / "account-keys"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n", encoding="ascii")
    return file.read_text(encoding="ascii").strip()


def _added(file: Path) -> dict[str, str]:
    try:
        return env_file.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StartFailedError(f"{file} cannot be read: {error}") from None

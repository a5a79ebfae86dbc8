"""Settings of a stack that files hold: those of its own folder, and those that its project adds."""

import base64
import secrets
from pathlib import Path

from nightshift.config import env_file
from nightshift.embedded.own_settings import OWN_SETTINGS
from nightshift.embedded.processes.process import StartFailedError

WEBHOOK_SOURCES = "webhooks.toml"
"""A file of this name in a stack's folder says whose webhooks its gateway takes; without one it takes none."""
CONSOLE_LINK = "console-link"
"""A file of this name holds the link that signs in to the console, which makes it anew when it was used."""


def kept_settings(folder: Path, project: Path) -> dict[str, str]:
    """Return the settings that the files in a stack's folder, and in its project's, say.

    Raises:
        StartFailedError: the project's file cannot be read; the text says why.
    """
    sources = folder / WEBHOOK_SOURCES
    webhooks = {"GATEWAY_WEBHOOKS": str(sources)} if sources.exists() else {}
    link = {"CONSOLE_LINK_FILE": str(folder / CONSOLE_LINK)}
    return {
        "ACCOUNT_KEYS": _kept_secret(folder / "account-keys", 32),
        **link,
        **webhooks,
        **_added(project / OWN_SETTINGS),
    }


def console_link(folder: Path) -> str:
    """Return the secret of the link that signs in to this stack's console: once, whenever that is."""
    return _kept_secret(folder / CONSOLE_LINK, 24)


def _kept_secret(file: Path, size: int) -> str:
    """Return the secret in a file that its owner alone can read: random bytes in base64, made at its first use."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(base64.urlsafe_b64encode(secrets.token_bytes(size)).decode() + "\n", encoding="ascii")
    return file.read_text(encoding="ascii").strip()


def _added(file: Path) -> dict[str, str]:
    try:
        return env_file.parse(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StartFailedError(f"{file} cannot be read: {error}") from None

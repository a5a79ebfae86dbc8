"""The part of the user's environment that processes of the stack inherit."""

import os
from collections.abc import Mapping

_NAMES = {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TMP", "TEMP", "TZ", "LANG", "LANGUAGE", "TERM", "VIRTUAL_ENV"}
_NAMES |= {
    "SYSTEMROOT",
    "COMSPEC",
    "PATHEXT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
}  # needed by programs on Windows
_PREFIXES = ("LC_", "PYTHON")


def clean_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that any program needs, and no settings.

    A provider's key or a broker's address that happens to be set in the user's shell must not make a demo send real
    mail.
    """
    source = os.environ if environ is None else environ
    return {name: value for name, value in source.items() if name.upper() in _NAMES or name.startswith(_PREFIXES)}

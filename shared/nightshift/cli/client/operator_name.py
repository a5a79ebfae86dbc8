"""Who types: the user of this machine, and the machine."""

import getpass
import os
import socket


def operator_name() -> str:
    """Return `user@host`; in a container whose user has no name, its number."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"

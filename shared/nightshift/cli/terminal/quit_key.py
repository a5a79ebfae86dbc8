"""The key that ends what is shown again and again, besides Ctrl-C."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator

_KEYS = b"qQ"


@contextlib.contextmanager
def quit_key() -> Iterator[asyncio.Event]:
    """Yield an event that is set when `q` is pressed; never, where standard input is no terminal."""
    pressed = asyncio.Event()
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield pressed
        return
    import termios  # noqa: PLC0415 - not on Windows
    import tty  # noqa: PLC0415 - the same

    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()

    def read() -> None:
        typed = os.read(descriptor, 64)
        if not typed or any(key in _KEYS for key in typed):
            loop.remove_reader(descriptor)
            pressed.set()

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield pressed
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

"""Ask the process of this container for its health: `python -S -m deploy.probe /readyz`; exit code 0 is good.

It speaks HTTP by hand: imports would cost several times as much processor time, in every container every few seconds.
"""

import os
import socket
import sys

_TIMEOUT_SECONDS = 4.0
_ENOUGH_BYTES = 4096


def probe(path: str, port: int, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> tuple[bool, str]:
    """Return whether the answer is 200, and what it says.

    Raises:
        OSError: nobody answers.
    """
    with _connected(port, timeout_seconds) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while len(answer) < _ENOUGH_BYTES and (piece := connection.recv(_ENOUGH_BYTES)):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return b" 200 " in head.partition(b"\r\n")[0], body.decode(errors="replace").strip()


def _connected(port: int, timeout_seconds: float) -> socket.socket:
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds)
    except OSError:  # it may listen on IPv6 only
        return socket.create_connection(("::1", port), timeout=timeout_seconds)


def main(arguments: list[str]) -> int:
    """The command line; the path is /healthz if none is given, the port is HEALTH_PORT."""
    port = os.environ.get("HEALTH_PORT", "")
    if not port.isdecimal():
        print("HEALTH_PORT is not set: there is no fixed port to ask", file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    try:
        good, text = probe(arguments[0] if arguments else "/healthz", int(port))
    except OSError as error:
        good, text = False, f"no answer: {error}"
    print(text)  # noqa: T201 - Docker keeps it: `docker inspect` shows why
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

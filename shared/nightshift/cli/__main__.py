"""The command `nightshift`. Nothing is loaded before it can be stopped: Ctrl-C ends it at any time with one line."""

import sys
from collections.abc import Sequence

from nightshift.cli.terminal.exit_codes import INTERRUPTED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        from nightshift.cli.command_line import run  # noqa: PLC0415 - loading can be interrupted, too
        from nightshift.observability.standard_output import prepare  # noqa: PLC0415 - as above

        prepare()
        return run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:
        import signal  # noqa: PLC0415 - as above

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends now
        sys.stderr.write("Stopped.\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())

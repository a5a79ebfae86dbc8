"""Run a program that dies with the process that started it, even if that one is killed with -9.

    python -I -S die_with_parent.py PARENT_PID PROGRAM [ARGUMENT…]

On Linux the kernel does it: this script asks for SIGKILL at the parent's death and then *becomes* the program, so
nothing of it stays behind. The kernel means the parent *thread*: start children from a thread that lives as long as
they should, as the main thread does.

Elsewhere on Unix it stays beside the program and watches its standard input, a pipe that ends with the parent; it
must lead a process group of its own, because it kills the whole group then. It is a script of its own, with few
imports, because it runs in front of every child; it imports nothing of the project.
"""

import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie the program to the parent, then run it."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        _become(parent, command)
    else:
        sys.exit(_stay_beside(command))


def _become(parent: int, command: list[str]) -> None:
    import ctypes  # noqa: PLC0415 - only here: costs milliseconds in front of every child
    import signal  # noqa: PLC0415

    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0:
        sys.exit("prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("the parent died before its child started")
    try:
        os.execv(command[0], command)  # noqa: S606 - becoming the program is what this script is for
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error}")


def _stay_beside(command: list[str]) -> int:
    import signal  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import threading  # noqa: PLC0415

    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the caller's own command
    # From here on the program gets the group's signals, and this process only reports how it ended.
    for ignored in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ignored, signal.SIG_IGN)

    def watch() -> None:
        while os.read(0, 1024):  # not through sys.stdin, whose lock would disturb the interpreter's end
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    main(sys.argv[1:])

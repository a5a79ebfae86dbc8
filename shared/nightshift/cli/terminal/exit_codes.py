"""Exit codes, and the exception that ends a command with one."""

from nightshift.observability.standard_output import UNWRITABLE

DONE = 0
ANSWER_IS_NO = 1
WRONG_USE = 2
UNAVAILABLE = 3
REFUSED = 4
FAULT = 70
INTERRUPTED = 130

MEANINGS = {
    DONE: "done",
    ANSWER_IS_NO: "the answer is no: nothing was found, a check failed, or the job that was waited for is dead",
    WRONG_USE: "wrong command line or settings, or a body that breaks its contract; nothing was done",
    UNAVAILABLE: "broker, database or object store is unavailable",
    REFUSED: "the broker refused: the queue is full, or this user may not do that",
    FAULT: "a bug in the command line itself",
    UNWRITABLE: "the output cannot be written: the disk of the file that it goes to is full, for instance",
    INTERRUPTED: "stopped by Ctrl-C",
}


class CommandError(Exception):
    """Ends the command; `str()` says what is wrong, where, and what to do."""

    def __init__(self, text: str, code: int = ANSWER_IS_NO) -> None:
        super().__init__(text)
        self.code = code


class UsageError(CommandError):
    """The arguments make no sense."""

    def __init__(self, text: str) -> None:
        super().__init__(text, WRONG_USE)


def exit_code_help() -> str:
    """Return the exit codes as lines for `--help`."""
    return "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())

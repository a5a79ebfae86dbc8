"""The parser of every program's command line: a mistake says what was meant, as JSON for programs."""

import argparse
import re
import sys
from typing import Any, ClassVar, NoReturn

WRONG_USE = 2
"""The exit code after a mistake on the command line, or in the settings."""
_INVALID_CHOICE = re.compile(r"argument (--[\w-]+: )?.*?invalid choice: '(.*?)' \(choose from (.*)\)", re.DOTALL)
_NEGATIVE = re.compile(r"-\d.*", re.DOTALL)


class ProgramParser(argparse.ArgumentParser):
    """A parser whose errors suggest what was meant, and where to read more."""

    as_json: ClassVar[bool] = "--json" in sys.argv[1:]
    """Whether errors are for programs: `--json` was typed, wherever it stands."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # `--delay -5s` has a wrong value, and does not lack one.
        self._negative_number_matcher = _NEGATIVE

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        match = _INVALID_CHOICE.search(message)
        if match:
            from nightshift.text import meant_or_all  # noqa: PLC0415 - only for mistakes

            known = [word.strip(" '") for word in match[3].split(",")]
            message = f"{match[1] or ''}there is no '{match[2]}'{meant_or_all(match[2], known)}"
        raise SystemExit(fail(self.prog, message, advice=f"Try: {self.prog} --help"))


def fail(program: str, problem: str, *, code: int = WRONG_USE, advice: str = "") -> int:
    """Say on standard error why a program ends; return its exit code. `advice` is for people alone."""
    text = f"{program}: {problem}" if program else problem
    if ProgramParser.as_json:
        import json  # noqa: PLC0415 - only for mistakes

        told = json.dumps({"error": text, "exitCode": code}, ensure_ascii=False)
    else:
        told = f"{text}\n{advice}" if advice else text
    sys.stderr.write(f"{told}\n")
    return code

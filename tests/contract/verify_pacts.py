"""Verifies the pacts of a folder with Pact's own verifier: `python -m tests.contract.verify_pacts <folder>`.

A program of its own, because the verifier prints, and leaves its sockets to the garbage collector. Prints a line of
JSON for each pact at last: `{"pact": …, "error": …}`.
"""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.contract.producers import PRODUCERS, produced
from tools.contracts import pacts
from tools.contracts.pacts import Pact


def verify(pact: Pact) -> str:
    """Returns what the verifier has against our messages; empty when nothing."""
    from pact import Verifier  # noqa: PLC0415 - the environment must be set before, or it reports to its makers

    subjects = {interaction.description: interaction.subject for interaction in pact.interactions}

    def produce(*, name: str, metadata: dict[str, Any] | None) -> Any:
        del metadata
        message = produced(pact.provider, subjects[name])
        metadata = {"contentType": "application/json", "subject": message.subject, **message.headers}
        return {"contents": message.body, "metadata": metadata, "content_type": "application/json"}

    verifier = Verifier(pact.provider).message_handler(produce).add_source(str(pact.path))
    try:
        verifier.state_handler(lambda **_: None, teardown=False).verify()
    except RuntimeError:
        return json.dumps(verifier.results, ensure_ascii=False)
    return ""


def main(folder: Path) -> int:
    """Returns the exit code: 1 when a pact is broken."""
    os.environ["PACT_DO_NOT_TRACK"] = "true"
    errors = {}
    for pact in pacts.read(folder):
        if pact.provider in PRODUCERS:
            with contextlib.redirect_stderr(open(os.devnull, "w")):  # noqa: PTH123 - its access log
                errors[pact.path.name] = verify(pact)
    sys.stdout.flush()
    for name, error in errors.items():
        print(json.dumps({"pact": name, "error": error}, ensure_ascii=False))  # noqa: T201 - what it is for
    return 1 if any(errors.values()) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

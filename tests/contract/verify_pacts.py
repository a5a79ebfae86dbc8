"""Verifies the pacts of a folder with Pact's own verifier: `python -m tests.contract.verify_pacts <folder>`.

A program of its own, because the verifier prints, and leaves its sockets to the garbage collector. Prints one line of
JSON at last: the mismatches of each pact, by file name.
"""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.contract.producers import PRODUCERS, produced
from tools.contracts import pacts
from tools.contracts.pacts import Pact


def verify(pact: Pact) -> list[str]:
    """Return a line for each mismatch between what our provider publishes and what the pact expects."""
    from pact import Verifier  # noqa: PLC0415 - the environment must be set before, or it reports to its makers

    subjects = {interaction.description: interaction.subject for interaction in pact.interactions}

    def produce(*, name: str, metadata: dict[str, Any] | None) -> Any:
        del metadata
        message = produced(pact.provider, subjects[name])
        metadata = {"contentType": "application/json", "subject": message.subject, **message.headers}
        return {"contents": message.body, "metadata": metadata, "content_type": "application/json"}

    while True:
        verifier = Verifier(pact.provider).message_handler(produce).add_source(str(pact.path))
        try:
            verifier.state_handler(lambda **_: None, teardown=False).verify()
        except RuntimeError:
            return list(_mismatches(verifier.results))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:  # it chooses a port first and takes it then: somebody was faster
                raise
        else:
            return []


def _mismatches(results: Mapping[str, Any]) -> Iterator[str]:
    for error in results["errors"]:
        found = error["mismatch"]
        for one in found.get("mismatches", [found]):
            yield f"{one.get('path', one.get('key', ''))}: {one.get('mismatch', one.get('message'))}"


def main(folder: Path) -> None:
    """Verify the pacts of a folder with our providers."""
    os.environ["PACT_DO_NOT_TRACK"] = "true"
    found = dict[str, list[str]]()
    for pact in pacts.read(folder):
        if pact.provider in PRODUCERS:
            with contextlib.redirect_stderr(open(os.devnull, "w")):  # noqa: PTH123 - its access log
                found[pact.path.name] = verify(pact)
    sys.stdout.flush()
    print(json.dumps(found, ensure_ascii=False))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main(Path(sys.argv[1]))

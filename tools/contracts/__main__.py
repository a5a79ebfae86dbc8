"""The command line: `python -m tools.contracts` generates; `--check` finds what is stale or a breaking change."""

import argparse
import sys

from tools.contracts import generate, new_pact, released
from tools.contracts.gate import breaking_changes


def main() -> int:
    """Run from the command line; return 2 for what cannot be, 1 if something is stale, or breaks a release."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.contracts",
        description="Generates schemas, AsyncAPI document, page and clients from the contracts.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; name what is stale, and what would break")
    parser.add_argument("--release", metavar="VERSION", help="keep the contracts of now as a release (0.2.0)")
    parser.add_argument(
        "--pact",
        nargs=2,
        metavar=("WHO", "TYPE"),
        help="write what the consumer of a job type, or of an event, expects of who publishes it: "
        "report email.send, scheduler cron.sync.all",
    )
    options = parser.parse_args()
    if options.pact:
        return _write_pact(*options.pact)
    if options.check:
        return _check()
    for line in generate.write():
        print(line)
    if options.release:
        print(released.keep(options.release))
    return 0


def _write_pact(provider: str, job_type: str) -> int:
    try:
        print(f"contracts/pacts/{new_pact.write(provider, job_type)} written")
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    return 0


def _check() -> int:
    stale = [f"contracts/{name} is stale: run `make contracts`, and commit it" for name in generate.stale()]
    problems = stale + breaking_changes()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

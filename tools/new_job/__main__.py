"""The command line: `python -m tools.new_job email.digest`, or `make new-job NAME=email.digest`."""

import argparse
import shlex
import subprocess
import sys

from tools.contracts.samples import ROOT
from tools.new_job.deployment import deploy
from tools.new_job.names import InvalidNameError, names_of
from tools.new_job.scaffold import CannotBeMadeError, scaffold


def main() -> int:
    """Run from the command line; return the exit code: 2 for a name that cannot be used, 1 if a generator failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.new_job",
        description="Scaffold a job: contract, samples, handler, tests; a new service also in compose, "
        "Prometheus and Kubernetes. One test says what to fill in.",
    )
    parser.add_argument("name", help="<service>.<verb>, such as email.digest")
    try:
        names = names_of(parser.parse_args().name)
        first = not (ROOT / "services" / names.service / "__main__.py").exists()
        written = scaffold(ROOT, names)
    except (InvalidNameError, CannotBeMadeError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        # In a process of its own: this one has loaded the contracts as they were.
        for tool in ("tools.contracts", "tools.permissions"):
            subprocess.run([sys.executable, "-m", tool], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - ours
        changed, left = deploy(ROOT, names.service) if first else ([], [])
    except subprocess.CalledProcessError as failed:
        print(f"{names.type} is written, but {shlex.join(failed.cmd[1:])} failed:\n{failed.stderr}", file=sys.stderr)
        return 1
    for line in [*written, *changed, *left]:
        print(line)
    print(f"\nNow fill in {names.function} and {names.message}; `make check` has one test that says so.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

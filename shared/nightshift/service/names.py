"""Print the names of the services that a module declares, one a line: `python -m nightshift.service.names shop.jobs`.

A process that outlives a change of the module asks so, instead of importing it.
"""

import os
import sys

from nightshift.config.project import Project
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.loading import problem_with

_WRONG = 2


def main() -> int:
    """Run from the command line; return 2, and say what is wrong, where the module cannot be used."""
    Project.of_environment(os.environ).make_importable()
    module = sys.argv[1]
    problem = problem_with(module)
    names = [] if problem else sorted(load_catalogue(module).services)
    problem = problem or (None if names else f"{module} declares no service")
    print(problem or "\n".join(names), file=sys.stderr if problem else sys.stdout)
    return _WRONG if problem else 0


if __name__ == "__main__":
    sys.exit(main())

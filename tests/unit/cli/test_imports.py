"""What the command line needs to be installed: neither services nor, but for `up`, the embedded stack."""

import subprocess
import sys

_LOADED = """
import sys
from nightshift.cli.__main__ import parser
parser()
print(*sorted(name for name in sys.modules if name.partition(".")[0] in {"services", "demo", "tools"}
      or name.startswith("nightshift.embedded")))
"""
_UP_WITHOUT_STACK = """
import sys
sys.modules["nightshift.embedded"] = None
from nightshift.cli.__main__ import main
sys.exit(main(["up"]))
"""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own code


def test_the_command_line_loads_neither_services_nor_the_embedded_stack() -> None:
    """All its commands are there without them, as in the production image."""
    ran = _python(_LOADED)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "\n", "")


def test_up_says_what_to_install_where_the_embedded_stack_is_missing() -> None:
    """Exit code 2 and a sentence, no traceback."""
    ran = _python(_UP_WITHOUT_STACK)
    assert ran.returncode == 2
    assert ran.stderr.startswith("nightshift up: the embedded stack is not installed here (")
    assert "pip install 'nightshift-jobs[embedded]'" in ran.stderr
    assert "Traceback" not in ran.stderr

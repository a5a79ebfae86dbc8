"""What the command line needs to be installed, and what it loads before it knows what to do."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.cli.command_line import parser
from nightshift.cli.execution import action
from nightshift.config.project import Project
from tests.repository import ROOT

_LOADED = """
import sys
from nightshift.cli.command_line import parser
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
_HELP = """
import contextlib, io, sys
before = set(sys.modules)
from nightshift.cli.__main__ import main
for arguments in {commands!r}:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main(arguments)
standard = sys.stdlib_module_names - {{"asyncio", "logging", "sqlite3", "ssl"}}
own = {{"nightshift", "services", "schema"}}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} - standard - own))
"""
_SLOW = "import sys, time\nsys.stderr.write('loading\\n')\nsys.stderr.flush()\ntime.sleep(60)\n"


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own code


def commands_of(declared: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command, as it is typed, groups included."""
    yield path
    for choices in (one.choices for one in declared._actions if isinstance(one, argparse._SubParsersAction)):
        for name, inner in choices.items():
            yield from commands_of(inner, (*path, name))


COMMANDS = list(commands_of(parser(Project(ROOT))))


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


def test_help_loads_nothing_but_the_standard_library_and_what_declares_the_commands() -> None:
    """--help of every command, the services' own included, and --version: none needs what the command needs."""
    assert {("dlq", "list"), ("up",), ("provision",), ("keys", "create"), ("webhooks", "replay")} <= set(COMMANDS)
    asked = [["--version"], *([*command, "--help"] for command in COMMANDS)]
    ran = _python(_HELP.format(commands=asked))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "\n", "")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_a_command_does_is_where_its_declaration_says(command: tuple[str, ...]) -> None:
    """A misspelt place would be found by its first user only."""
    declared: argparse.ArgumentParser = parser(Project(ROOT))
    for word in command:
        (groups,) = (one for one in declared._actions if isinstance(one, argparse._SubParsersAction))
        declared = groups.choices[word]
    place = declared.get_default("run")
    assert place is None or callable(action(place))


def test_ctrl_c_ends_it_with_one_line_also_while_it_loads(tmp_path: Path) -> None:
    """Exit code 130, no traceback."""
    module = tmp_path / "services" / "slow" / "commands.py"
    module.parent.mkdir(parents=True)
    module.write_text(_SLOW, encoding="utf-8")
    command = [sys.executable, "-m", "nightshift.cli", "--help"]
    with subprocess.Popen(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT / "shared")}, stderr=-1, text=True) as ran:  # noqa: S603 - our own code
        assert ran.stderr is not None
        assert ran.stderr.readline() == "loading\n"
        ran.send_signal(2)
        assert ran.stderr.read() == "Stopped.\n"
    assert ran.returncode == 130

"""`nightshift completion`: a script for the shell, generated from the parser."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator

from nightshift.cli.client.command import Groups, command
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.config.project import Project

_BASH = """\
# bash completion for nightshift; put this into ~/.bashrc:  source <(nightshift completion bash)
_nightshift() {{
  local path="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in -*) ;; *) case "{paths}" in *"|$path $word|"*) path="$path $word";; esac;; esac
  done
  local words=""
  case "$path" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
  [ ${{#COMPREPLY[@]}} -eq 0 ] && COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _nightshift nightshift
"""
_ZSH = """\
# zsh completion for nightshift; put this into ~/.zshrc:  source <(nightshift completion zsh)
autoload -U +X compinit bashcompinit && compinit && bashcompinit
"""


def register(groups: Groups) -> None:
    """Declare the command, as the last one: it completes those that were declared before it, and itself."""
    made = command(
        groups, "completion", "Print a completion script for a shell.", example="source <(nightshift completion bash)"
    )
    made.add_argument("shell", choices=("bash", "zsh"))
    made.set_defaults(at_once=lambda options: _print(options.shell, groups))


def _print(shell: str, groups: Groups) -> int:
    sys.stdout.write(script(shell, dict(_words(groups, ""))))
    return DONE


def script(shell: str, words: dict[str, list[str]]) -> str:
    """Return the script; `words` maps each path of commands (` queues`) to the words that may follow it."""
    paths = "".join(f"|{path}" for path in words if path) + "|"
    cases = "\n".join(
        f"    {shlex.quote(path)}) words={shlex.quote(' '.join(follow))};;" for path, follow in words.items()
    )
    return (_ZSH if shell == "zsh" else "") + _BASH.format(paths=paths, cases=cases)


def _words(groups: Groups, path: str) -> Iterator[tuple[str, list[str]]]:
    yield path, [*groups.choices]
    for name, parser in groups.choices.items():
        inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - argparse has no public way to ask
        if inner:
            yield from _words(inner[0], f"{path} {name}")
        else:
            yield f"{path} {name}", _options(parser)


def _options(parser: argparse.ArgumentParser) -> list[str]:
    actions = parser._actions  # noqa: SLF001 - argparse has no public way to ask
    choices = [str(choice) for action in actions if not action.option_strings for choice in action.choices or ()]
    longest = [max(action.option_strings, key=len) for action in actions if action.option_strings]
    types = _job_types() if any(action.dest == "type" for action in actions) else []
    return [*choices, *longest, *types]


def _job_types() -> list[str]:
    from nightshift.contract.catalogue import load_catalogue  # noqa: PLC0415 - only a script needs the contracts
    from nightshift.contract.loading import problem_with  # noqa: PLC0415 - the same

    package = Project.of_environment(os.environ).contracts
    return sorted(load_catalogue(package).messages) if problem_with(package) is None else []

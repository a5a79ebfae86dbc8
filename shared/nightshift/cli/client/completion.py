"""`nightshift completion`: a script for the shell, generated from the parser."""

import shlex
import sys
from collections.abc import Iterator, Sequence

from nightshift.cli.client.command import Groups, Parser, command
from nightshift.cli.client.completion_words import FILES, Place, places
from nightshift.cli.terminal.exit_codes import DONE

SHELLS = ("bash", "zsh", "fish")
_BASH = """\
# bash completion for nightshift; put this into ~/.bashrc:  source <(nightshift completion bash)
_nightshift() {{
  local path="" word words="" typed="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  for word in "${{COMP_WORDS[@]:1:$((COMP_CWORD-1))}}"; do
    case "$word" in -*) ;; *) case "{paths}" in *"|$path $word|"*) path="$path $word";; esac;; esac
  done
  [ "$before" = "=" ] && before="${{COMP_WORDS[COMP_CWORD-2]}}"
  [ "$typed" = "=" ] && typed=""
  case "$path $before" in
{values}
    *) case "$path" in
{cases}
    esac;;
  esac
  COMPREPLY=($(compgen -W "${{words#@files}}" -- "$typed"))
  case "$words" in @files*)
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "$typed"));;
  esac
  case "${{COMPREPLY[*]}}" in *=) compopt -o nospace 2>/dev/null;; esac
}}
complete -F _nightshift nightshift
"""
_ZSH = """\
# zsh completion for nightshift; put this into ~/.zshrc:  source <(nightshift completion zsh)
autoload -U +X compinit bashcompinit && compinit && bashcompinit
"""
_FISH = """\
# fish completion for nightshift; put this into ~/.config/fish/config.fish:  nightshift completion fish | source
function __nightshift_path
    set -l path ""
    for word in (commandline -opc)[2..-1]
        contains -- "$path $word" {paths}; and set path "$path $word"
    end
    echo "$path"
end
complete -c nightshift -f
"""


def register(groups: Groups, whole: Parser) -> None:
    """Declare the command, as the last one: it completes the whole command line, and itself."""
    made = command(
        groups,
        "completion",
        "Print a completion script for a shell.",
        example="source <(nightshift completion bash)",
        more="It knows the services, schedules and job types of the project in the working directory.",
    )
    made.add_argument("shell", choices=SHELLS)
    made.set_defaults(at_once=lambda options: _print(options.shell, whole))


def _print(shell: str, whole: Parser) -> int:
    sys.stdout.write(script(shell, list(places(whole))))
    return DONE


def script(shell: str, known: Sequence[Place]) -> str:
    """Return the script for a shell."""
    if shell == "fish":
        paths = " ".join(shlex.quote(place.path) for place in known if place.path)
        return _FISH.format(paths=paths) + "".join(f"{line}\n" for place in known for line in _fish(place))
    paths = "".join(f"|{place.path}" for place in known) + "|"
    values = "\n".join(f"    {pattern}) words={words};;" for place in known for pattern, words in _option_values(place))
    cases = "\n".join(f"      {shlex.quote(place.path)}) words={_words(place)};;" for place in known)
    return (_ZSH if shell == "zsh" else "") + _BASH.format(paths=paths, values=values, cases=cases)


def _words(place: Place) -> str:
    options = [option.name for option in place.options]
    files = [word for word in place.words if word in FILES]
    words = [word for word in place.words if word not in FILES]
    return shlex.quote(" ".join([*files, *words, *options]))


def _option_values(place: Place) -> Iterator[tuple[str, str]]:
    for option in place.options:
        if option.values is not None:
            yield shlex.quote(f"{place.path} {option.name}"), shlex.quote(" ".join(option.values))


def _fish(place: Place) -> Iterator[str]:
    here = f"complete -c nightshift -n {shlex.quote(f'test (__nightshift_path) = {shlex.quote(place.path)}')}"
    for word, text in place.words.items():
        yield f"{here} -F" if word in FILES else f"{here} -a {_quoted(word)}{_described(text)}"
    for option in place.options:
        values = option.values
        takes = "" if values is None else " -r -F" if values == FILES else f" -x -a {_quoted(' '.join(values))}"
        yield f"{here} -l {option.name.lstrip('-')}{takes}{_described(option.text)}"


def _described(text: str) -> str:
    return f" -d {_quoted(text)}" if text else ""


def _quoted(text: str) -> str:
    """Return a text in single quotes as fish reads them, where a backslash escapes."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

"""What keeps a catalogue from being loaded, said in one line: the modules are somebody's own, and may be broken."""

import contextlib
import importlib.util
import pkgutil
import sysconfig
import traceback
from importlib.machinery import ModuleSpec
from pathlib import Path

from nightshift.contract.catalogue import load_catalogue, names_of
from nightshift.contract.declaration import DeclarationError, shown
from nightshift.text import closest

_LIBRARY = str(Path(__file__).parents[1])
_INSTALLED = sysconfig.get_path("purelib")


def problem_with(packages: str) -> str | None:
    """Import packages of contracts, or modules with services; return what is wrong with them, None if nothing is."""
    for package in names_of(packages):
        try:
            found = importlib.util.find_spec(package)
            if found is None or _holds_no_code(found):
                return _missing(package)
        except ModuleNotFoundError as error:
            parents = {package[:end] for end, letter in enumerate(package) if letter == "."}
            return _missing(package) if error.name in parents else _broken(package, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - its parents are imported to look
            return _broken(package, error)
    try:
        load_catalogue(packages)
    except DeclarationError as error:
        return str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an application's module raises
        return _broken(packages, error)
    return None


def _holds_no_code(found: ModuleSpec) -> bool:
    """Return whether it is a folder without modules: `contracts/` may hold documents that were written of them."""
    folders = list(found.submodule_search_locations or ())
    return found.origin is None and not any(pkgutil.iter_modules(folders))


def _missing(package: str) -> str:
    parent, _, name = package.rpartition(".")
    with contextlib.suppress(Exception):  # then the parent is what is missing
        siblings = pkgutil.iter_modules(importlib.import_module(parent).__path__)
        if near := closest(name, [one.name for one in siblings]):
            return f"there is no package {package!r}; did you mean {parent}.{near}?"
    return f"there is no package {package!r}: run this in the folder that holds it, or install it"


def _broken(package: str, error: BaseException) -> str:
    """Say what a module raises, and where in the application."""
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        return f"{shown(error.filename or package)}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if not one.filename.startswith(("<", _LIBRARY))]
    own = [one for one in own if not one.filename.startswith(_INSTALLED)] or own
    if not own:  # ours, about what the modules say together
        return f"{package}: {text}"
    return f"{shown(own[-1].filename)}:{own[-1].lineno}: {type(error).__name__}: {text}"

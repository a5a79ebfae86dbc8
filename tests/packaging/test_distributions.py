"""What is in the wheel and in the source distribution of `nightshift-jobs`."""

import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

from nightshift.version import VERSION
from tests.packaging.requirements import LIBRARY


def wheel_files(wheel: Path) -> list[str]:
    """Return the names of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    """One folder to import, `nightshift`, and the metadata."""
    tops = {name.partition("/")[0] for name in wheel_files(built[0])}
    assert tops == {"nightshift", f"nightshift_jobs-{VERSION}.dist-info"}


def test_type_checkers_find_the_types(built: tuple[Path, Path]) -> None:
    """The package is marked as typed (PEP 561)."""
    assert "nightshift/py.typed" in wheel_files(built[0])


def test_every_module_of_the_source_is_in_the_wheel(built: tuple[Path, Path]) -> None:
    """No room is forgotten."""
    source = LIBRARY
    modules = {path.relative_to(source).as_posix() for path in source.glob("nightshift/**/*.py")}
    assert modules == {name for name in wheel_files(built[0]) if name.endswith(".py")}


def test_the_source_distribution_has_no_tests_and_no_services(built: tuple[Path, Path]) -> None:
    """The library, its README, its licence, and what builds it."""
    with tarfile.open(built[1]) as archive:
        names = {name.split("/")[1] for name in archive.getnames() if name.count("/")}
    assert names == {
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "nightshift",
        "nightshift_jobs.egg-info",
        "pyproject.toml",
        "setup.cfg",
    }


def test_the_metadata_says_version_licence_and_pythons(built: tuple[Path, Path]) -> None:
    """The version is the one that the code has."""
    with zipfile.ZipFile(built[0]) as archive:
        metadata = message_from_bytes(archive.read(f"nightshift_jobs-{VERSION}.dist-info/METADATA"))
    assert (metadata["Version"], metadata["License-Expression"], metadata["Requires-Python"]) == (
        VERSION,
        "MIT",
        ">=3.11",
    )


def test_the_licence_is_the_repositorys(built: tuple[Path, Path]) -> None:
    """The same text."""
    with zipfile.ZipFile(built[0]) as archive:
        text = archive.read(f"nightshift_jobs-{VERSION}.dist-info/licenses/LICENSE").decode()
    assert text == (Path(__file__).resolve().parents[2] / "LICENSE").read_text(encoding="utf-8")

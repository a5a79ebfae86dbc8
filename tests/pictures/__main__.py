"""Make the pictures anew: `make pictures`."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.pictures.camera import chromium, signed_in
from tests.pictures.screens import FOLDER, SCREENS, skeleton_of
from tests.pictures.stage import stage

SHOTS = {"": (1280, "light"), "-dark": (1280, "dark"), "-narrow": (320, "light"), "-narrow-dark": (320, "dark")}
IN_DOCUMENTS = ("", "-dark", "-narrow")
"""Of the first page; of the others the wide light one."""


async def taken(*, everything: bool) -> dict[str, bytes]:
    """Return the pictures, and what they were made of, by the names of their files."""
    files = dict[str, bytes]()
    with tempfile.TemporaryDirectory() as name:
        async with stage(Path(name)) as shown, chromium() as browser:
            for suffix, (width, scheme) in SHOTS.items():
                async with signed_in(browser, shown, width=width, scheme=scheme) as camera:
                    for screen, path in SCREENS.items():
                        if not everything and suffix and not (screen == "now" and suffix in IN_DOCUMENTS):
                            continue
                        await camera.open(path)
                        files[f"{screen}{suffix}.png"] = await camera.picture()
                        if not suffix:
                            files[f"{screen}.txt"] = (await skeleton_of(camera.page)).encode()
    return files


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.pictures",
        description=__doc__,
        epilog="example: python -m tests.pictures --all --to /tmp/p",
    )
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder for them (default: docs/pictures/console)")
    parser.add_argument("--all", action="store_true", help="each screen light and dark, wide and narrow")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    for name, content in asyncio.run(taken(everything=arguments.all)).items():
        (arguments.to / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make demo FILES=folder/`: every file in a folder is worked off, with one line each."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

from demo.folder import files_in
from tests.repository import ROOT


def test_folders_are_walked_through_and_files_taken_as_they_are(tmp_path: Path) -> None:
    """In order, by their names inside the folder; whatever is no file is left out."""
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("z.txt", "b/y.txt", "b/c/x.txt"):
        (tmp_path / name).touch()
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    shown = [str(name) for _, name in files_in([tmp_path, ROOT / "README.md"])]
    assert shown == ["b/c/x.txt", "b/y.txt", "z.txt", "README.md"]


async def test_a_folder_of_ones_own_is_worked_off(tmp_path: Path) -> None:
    """A picture, a broken one, a text, one without a readable name, an empty one: each has its line and its reason."""
    picture = ROOT / "demo" / "samples" / "chelsea.jpg"
    (tmp_path / "a folder").mkdir()
    await asyncio.to_thread(shutil.copy, picture, tmp_path / "a folder" / "cat.jpg")
    (tmp_path / "cut.jpg").write_bytes(picture.read_bytes()[:4000])
    (tmp_path / "empty").touch()
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("hello")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo", str(tmp_path)), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said = (await asyncio.wait_for(process.communicate(), 240))[0].decode()
    folder = re.search(r"^Nightshift demo in (.+)$", said, re.MULTILINE)
    try:
        assert process.returncode == 0, said
        assert re.search(r"^  shown +a folder/cat\.jpg  image/jpeg, 35,273 bytes, 451x300$", said, re.MULTILINE)
        assert re.search(r"^  failed +cut\.jpg  it is a JPEG image that is broken or cut off", said, re.MULTILINE)
        assert re.search(r"^  failed +empty  it is empty: 0 bytes were uploaded$", said, re.MULTILINE)
        assert re.search(r"^  processed caf\\udce9\.txt  text/plain, 5 bytes, no thumbnail: ", said, re.MULTILINE)
        assert folder is not None
        assert (Path(folder[1]) / "out" / "a folder" / "cat.jpg.webp").stat().st_size > 0
    finally:
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder[1])

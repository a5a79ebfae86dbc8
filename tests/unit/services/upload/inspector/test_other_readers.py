"""Files are taken for what other programs take them for, and look as in them: ImageMagick, `file` and Poppler.

A difference is a fault of ours, or stands in a table here with its reason; docs/uploads.md has those that users meet.
"""

import io
import os
import shutil
import subprocess
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from services.upload.declared_type import known_name
from services.upload.file_type import IMAGES, PDF, sniff
from services.upload.inspection import UnreadableFileError
from tests.servers import absent
from tests.unit.services.upload.inspector.corpus import documents, images, other_files
from tests.unit.services.upload.inspector.looks import inspect

CONVERT = "/usr/bin/convert"
"""Debian's: other programs have this name, too."""
SMALL = (16, 16)
CLOSE = 16
"""Shades by which two pictures may differ on average: their programs make them small in different ways."""

NOT_SHOWN = {
    "TIFF ?? grey and alpha of 16 bits": "no decoder here knows it; the row says so",
    "TIFF ?? colours in floats": "likewise",
    "TIFF ?? five bands": "likewise",
    "TIFF ?? camera's mosaic": "a raw photo: its samples are no picture yet",
    "BMP of fields 444": "likewise",
    "BMP of fields 888 reversed": "likewise",
    "BMP of fields 10 10 10": "likewise",
    "FITS of 64 bits": "likewise",
}
"""Images that ImageMagick shows and we do not."""
OTHER_LOOKS = {
    "TIFF ?? *signed *": "ImageMagick takes numbers with a sign for those without, or shifts them",
    "TIFF ?? 12-bit min-is-white": "ImageMagick passes over the polarity where samples are not whole bytes",
    "TIFF ?? 32-bit min-is-white": "and of deep samples",
    "TIFF ?? float min-is-white": "likewise",
    "TIFF ?? double min-is-white": "likewise",
    "TIFF I *": "Pillow writes 32 bits with small numbers: spread from black to white here, all but black there",
    "TIFF I": "likewise",
    "TIFF F *": "numbers up to 255: likewise, and all white there",
    "TIFF F": "likewise",
    "FITS *": "numbers are spread from the lowest to the highest, as astronomers' viewers do",
    "BMP of 32 bits*": "the fourth byte is said to mean nothing, and is zero: ImageMagick takes it for transparency",
    "BMP of fields 888": "likewise",
}
"""Images that both show, differently."""
OTHER_TYPES = {
    "text*": "a text is a text whatever it begins with or holds: commas, a header of pictures, one of PDF",
    "nothing": "has no type",
    "noise": "no header of a picture in Targa's format, which has no signature",
    "postscript": "a type of its own where it says its version",
    "PDF behind a *": "a PDF, which most viewers show",
    "PDF without a header": "likewise",
    "PDF with another comment as header": "likewise",
    "PDF with a header in lower case": "likewise",
    "PDF with a header of PostScript": "an old way to say PDF (ISO 32000-1, annex I)",
    "PDF with a header of no version": "likewise",
}
NOT_DRAWN = {
    "behind a two kilobytes": "the header is looked for in the first kilobyte, as ISO 32000-1, annex I, has it",
    "page of another type": "PDFium insists on the type of a page",
}
"""PDFs that Poppler draws and we do not."""
DRAWN_OTHERWISE = {
    "kids null": "we go on to the next page, Poppler draws an empty one",
    "kids no list": "we draw the page that is there, Poppler an empty one",
}


def _ran(*command: str) -> bytes:
    one_thread = {**os.environ, "MAGICK_THREAD_LIMIT": "1"}
    return subprocess.run(command, capture_output=True, check=False, env=one_thread).stdout  # noqa: S603 - Debian's own


def _unlisted(found: Mapping[str, str], listed: Mapping[str, str]) -> dict[str, str]:
    return {name: how for name, how in found.items() if not any(fnmatchcase(name, one) for one in listed)}


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        absent(f"{name} is not installed (Debian's package {package})")
    return found


def _as_imagemagick_shows(files: Mapping[str, bytes], folder: Path) -> dict[str, Image.Image]:
    """Return each image that it can read, small and on white, by name."""
    _program(CONVERT, "imagemagick")
    order = ["-auto-orient", "-colorspace", "sRGB", "-background", "white", "-alpha", "remove", "-alpha", "off"]
    order += ["-depth", "8", "-resize", "16x16!", "RGB:-"]
    length, shown = SMALL[0] * SMALL[1] * 3, dict[str, Image.Image]()
    for name, data in files.items():
        source = folder / "source"
        source.write_bytes(data)
        # It goes by the content, by which it does not know an icon.
        kind = "cur:" if name.endswith("pointer") else "ico:" if name.startswith("ICO") else ""
        pixels = _ran(CONVERT, f"{kind}{source}[0]", *order)
        if len(pixels) >= length:
            shown[name] = Image.frombytes("RGB", SMALL, pixels[:length])
    return shown


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB").resize(SMALL, Image.Resampling.BOX)


def _difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def _looked_into(data: bytes) -> Image.Image | str:
    """Return the thumbnail, or why there is none."""
    try:
        metadata, picture = inspect(data)
    except UnreadableFileError as error:
        return f"failed: {error}"
    return picture if picture is not None else str(metadata["notShown"])


def test_images_look_as_imagemagick_shows_them(tmp_path: Path) -> None:
    """And none that it can show is broken to us."""
    files = images()
    other = _as_imagemagick_shows(files, tmp_path)
    assert len(other) > 0.95 * len(files), "most of them can be read by both"
    missing, different = dict[str, str](), dict[str, str]()
    for name, picture in other.items():
        ours = _looked_into(files[name]) if sniff(files[name]) in IMAGES else f"is {sniff(files[name])}"
        if isinstance(ours, str):
            missing[name] = ours
        elif (difference := _difference(_on_white(ours), picture)) > CLOSE:
            different[name] = f"by {difference:.0f} shades"
    assert _unlisted(missing, NOT_SHOWN) == {}
    assert [name for name, why in missing.items() if why.startswith("failed")] == []
    assert _unlisted(different, OTHER_LOOKS) == {}


def test_files_have_the_types_that_file_finds(tmp_path: Path) -> None:
    """Under whatever name it knows them."""
    program = _program("file", "file")
    files = images() | {f"PDF {name}": data for name, data in documents().items()} | other_files()
    for number, data in enumerate(files.values()):
        (tmp_path / str(number)).write_bytes(data)
    names = [str(tmp_path / str(number)) for number in range(len(files))]
    listed = _ran(program, "-b", "--mime-type", *names).decode()
    found = dict(zip(files, listed.splitlines(), strict=True))
    different = {
        name: f"{sniff(data)}, and not {found[name]}"
        for name, data in files.items()
        if known_name(sniff(data)) != known_name(found[name])
    }
    assert _unlisted(different, OTHER_TYPES) == {}


def test_pdfs_look_as_poppler_draws_them(tmp_path: Path) -> None:
    """However their structure is damaged, if it draws them at all."""
    program = _program("pdftoppm", "poppler-utils")
    missing, different = dict[str, str](), dict[str, str]()
    drawn = 0
    for name, data in documents().items():
        source = tmp_path / "source.pdf"
        source.write_bytes(data)
        page = _ran(program, "-l", "1", "-scale-to", "100", "-cropbox", str(source))
        if not page:
            continue
        drawn += 1
        ours = _looked_into(data) if sniff(data) == PDF else f"is {sniff(data)}"
        if isinstance(ours, str):
            missing[name] = ours
        else:
            with Image.open(io.BytesIO(page)) as theirs:
                difference = _difference(_on_white(ours), _on_white(theirs))
            if difference > CLOSE:
                different[name] = f"by {difference:.0f} shades"
    assert drawn > 40, "most of them can be read by both"
    assert _unlisted(missing, NOT_DRAWN) == {}
    assert _unlisted(different, DRAWN_OTHERWISE) == {}


@pytest.mark.parametrize("table", [NOT_SHOWN, OTHER_LOOKS, OTHER_TYPES, NOT_DRAWN, DRAWN_OTHERWISE])
def test_no_difference_is_listed_of_files_that_do_not_exist(table: Mapping[str, str]) -> None:
    """What is listed was tried."""
    tried = [*images(), *documents(), *(f"PDF {name}" for name in documents()), *other_files()]
    assert [one for one in table if not any(fnmatchcase(name, one) for name in tried)] == []

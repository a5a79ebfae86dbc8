"""The fonts of this machine, with which PDFium shows text whose font is not in its document."""

from collections.abc import Iterable
from pathlib import Path

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/usr/share/X11/fonts"))
"""Where PDFium looks on Linux."""
_KINDS = frozenset({".ttf", ".ttc", ".otf", ".pfb"})


def has_fonts(folders: Iterable[Path] = FONT_FOLDERS) -> bool:
    """Return whether there is any font beside PDFium's own, which are for Latin, Greek and Cyrillic text."""
    return any(path.suffix.lower() in _KINDS for folder in folders for path in folder.rglob("*"))

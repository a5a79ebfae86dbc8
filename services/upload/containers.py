"""Tell what is in a container whose signature many types share: ZIP, ISO media files, Matroska, Ogg."""

import re

_ZIP = re.compile(rb"PK\x03\x04[\x00-\x40]|PK\x05\x06\x00\x00\x00\x00|PK\x07\x08PK")
_ZIP_TYPE = re.compile(rb"PK\x03\x04.{22}\x08\x00\x00\x00mimetype([a-z]+/[a-z0-9.+-]+)", re.DOTALL)
"""OpenDocument and EPUB name their type in a first entry of this name, which is not compressed."""
_OFFICE = "application/vnd.openxmlformats-officedocument"
_ZIP_NAMES = (
    (b"word/", f"{_OFFICE}.wordprocessingml.document"),
    (b"xl/", f"{_OFFICE}.spreadsheetml.sheet"),
    (b"ppt/", f"{_OFFICE}.presentationml.presentation"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"doc.kml", "application/vnd.google-earth.kmz"),
    (b"3D/", "model/3mf"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)
"""Entries by which other ZIP files are known; office programs write them near the beginning."""

_BRANDS = {
    b"avif": "image/avif", b"avis": "image/avif",
    b"heic": "image/heic", b"heix": "image/heic", b"heim": "image/heic", b"heis": "image/heic",
    b"hevc": "image/heic-sequence", b"hevx": "image/heic-sequence",
    b"crx ": "image/x-canon-cr3",
    b"qt  ": "video/quicktime", b"M4V ": "video/x-m4v",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"M4P ": "audio/mp4", b"F4A ": "audio/mp4",
}  # fmt: skip
"""Brands of ISO base media files (ISO/IEC 14496-12 §4.3)."""
_STILL = {b"mif1": "image/heif", b"msf1": "image/heif-sequence"}
"""Brands that say only that there is a picture; what kind of picture, the compatible brands say."""
_MAX_BRANDS_BYTES = 4096


def zip_type(head: bytes) -> str | None:
    """Return the type of a ZIP file by the first of its entries, or of an empty one."""
    if not _ZIP.match(head):
        return None
    if named := _ZIP_TYPE.match(head):
        return named[1].decode("ascii")
    names = [head[match.end() : match.end() + 64] for match in re.finditer(rb"PK\x03\x04.{26}", head, re.DOTALL)]
    for beginning, media_type in _ZIP_NAMES:
        if any(name.startswith(beginning) for name in names):
            return media_type
    return "application/zip"


def iso_media_type(head: bytes) -> str | None:
    """Return the type of an ISO base media file by its brands."""
    length = int.from_bytes(head[:4])
    if head[4:8] != b"ftyp" or not 16 <= length <= _MAX_BRANDS_BYTES or length % 4:  # noqa: PLR2004 - its shortest
        return None
    major = head[8:12]
    if major in _STILL:
        others = [head[place : place + 4] for place in range(16, min(length, len(head)), 4)]
        return next((_BRANDS[brand] for brand in others if brand in _BRANDS), _STILL[major])
    return "video/3gpp" if major[:3] in {b"3gp", b"3g2"} else _BRANDS.get(major, "video/mp4")


def ebml_type(head: bytes) -> str | None:
    """Return the type of a Matroska file by the document type in its header."""
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return None
    return "video/webm" if b"webm" in head[:64] else "video/x-matroska" if b"matroska" in head[:64] else None


def ogg_type(head: bytes) -> str | None:
    """Return the type of an Ogg file by its first stream."""
    if not head.startswith(b"OggS\x00"):
        return None
    if any(codec in head[:64] for codec in (b"\x01vorbis", b"OpusHead", b"Speex   ", b"\x7fFLAC")):
        return "audio/ogg"
    return "video/ogg" if b"\x80theora" in head[:64] else "application/ogg"

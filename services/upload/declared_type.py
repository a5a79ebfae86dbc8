"""Compare the type that the uploader declared with the type of the bytes: the bytes win, a difference is recorded."""

import mimetypes
from typing import Any

from services.upload.file_type import IMAGES, PDF, UNKNOWN
from services.upload.repository import File

_CERTAIN = {*IMAGES, PDF}
"""Types whose signature is unambiguous; many of the others share one (an old .doc is an OLE storage)."""
_NO_IDEA = frozenset({
    UNKNOWN, "binary/octet-stream", "application/binary", "application/download", "application/x-download",
    "application/force-download", "application/x-force-download", "application/save", "application/unknown",
    "application/x-unknown", "application/file", "file/unknown", "unknown/unknown", "application/x-www-form-urlencoded",
    "multipart/form-data", "image/*", "*/*",
})  # fmt: skip
"""Types that browsers, storages and download scripts send when they know none."""
_ALIASES = {
    "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/pjpg": "image/jpeg", "image/jpe": "image/jpeg",
    "image/jfif": "image/jpeg", "image/x-jpeg": "image/jpeg", "image/x-jpg": "image/jpeg",
    "application/jpg": "image/jpeg", "application/x-jpg": "image/jpeg", "image/mpo": "image/jpeg",
    "image/x-png": "image/png", "image/apng": "image/png", "image/vnd.mozilla.apng": "image/png",
    "application/png": "image/png", "application/x-png": "image/png",
    "image/tif": "image/tiff", "image/x-tif": "image/tiff", "image/x-tiff": "image/tiff",
    "application/tif": "image/tiff", "application/tiff": "image/tiff", "image/tiff-fx": "image/tiff",
    "image/x-adobe-dng": "image/tiff", "image/dng": "image/tiff", "image/x-nikon-nef": "image/tiff",
    "image/x-sony-arw": "image/tiff", "image/x-pentax-pef": "image/tiff", "image/geotiff": "image/tiff",
    "image/x-gif": "image/gif", "image/gi_": "image/gif", "image/x-webp": "image/webp",
    "image/x-bmp": "image/bmp", "image/x-ms-bmp": "image/bmp", "image/x-windows-bmp": "image/bmp",
    "image/ms-bmp": "image/bmp", "application/bmp": "image/bmp", "image/x-bitmap": "image/bmp",
    "image/x-icon": "image/vnd.microsoft.icon", "image/ico": "image/vnd.microsoft.icon",
    "image/icon": "image/vnd.microsoft.icon", "image/x-win-bitmap": "image/vnd.microsoft.icon",
    "image/jpeg2000": "image/jp2", "image/jpeg2000-image": "image/jp2", "image/x-jpeg2000-image": "image/jp2",
    "image/jpx": "image/jp2", "image/jpm": "image/jp2", "image/j2k": "image/jp2", "image/x-jp2-codestream": "image/jp2",
    "image/x-portable-greymap": "image/x-portable-graymap",
    "image/psd": "image/vnd.adobe.photoshop", "image/x-psd": "image/vnd.adobe.photoshop",
    "application/x-photoshop": "image/vnd.adobe.photoshop", "application/photoshop": "image/vnd.adobe.photoshop",
    "application/fits": "image/fits", "image/x-fits": "image/fits", "image/avif-sequence": "image/avif",
    "image/heif": "image/heic", "image/heif-sequence": "image/heic-sequence",
    "application/x-pdf": PDF, "application/acrobat": PDF, "application/vnd.pdf": PDF, "application/x-bzpdf": PDF,
    "applications/vnd.pdf": PDF, "text/pdf": PDF, "text/x-pdf": PDF, "application/nappdf": PDF,
    "application/x-zip-compressed": "application/zip", "application/x-zip": "application/zip",
    "application/x-compressed": "application/zip", "multipart/x-zip": "application/zip",
    "application/x-gzip": "application/gzip", "application/gzip-compressed": "application/gzip",
    "application/x-rar-compressed": "application/vnd.rar", "application/x-rar": "application/vnd.rar",
    "text/rtf": "application/rtf", "text/richtext": "application/rtf", "application/x-rtf": "application/rtf",
    "audio/mp3": "audio/mpeg", "audio/x-mp3": "audio/mpeg", "audio/mpeg3": "audio/mpeg", "audio/x-mpeg": "audio/mpeg",
    "audio/x-mpeg-3": "audio/mpeg", "audio/mpg": "audio/mpeg",
    "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/vnd.wave": "audio/wav", "audio/x-pn-wav": "audio/wav",
    "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "audio/x-flac": "audio/flac", "audio/x-aiff": "audio/aiff",
    "audio/mid": "audio/midi", "audio/x-midi": "audio/midi", "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo", "video/m4v": "video/x-m4v", "application/mp4": "video/mp4",
    "video/x-quicktime": "video/quicktime", "application/x-matroska": "video/x-matroska",
}  # fmt: skip
"""Other names that programs write for a type."""

# Python's own table, without the machine's: the result must not depend on the machine.
_NAMES = mimetypes.MimeTypes(filenames=())


def compare_types(file: File, content_type: str) -> dict[str, Any]:
    """Return `claimedType` where it differs from the real type, and `mislabelled` where it is certainly wrong.

    The declared type is the one on the row, else the one that the file name's extension stands for.
    """
    declared = _declared_type(file)
    if declared is None or known_name(declared) == known_name(content_type):
        return {}
    if content_type in _CERTAIN or known_name(declared) in _CERTAIN:
        return {"claimedType": declared, "mislabelled": True}
    return {"claimedType": declared}


def known_name(media_type: str) -> str:
    """Return the name that a type has here, whatever other programs call it."""
    return _ALIASES.get(media_type, media_type)


def _declared_type(file: File) -> str | None:
    by_name, _ = _NAMES.guess_type(file.original_name)
    # A file that was processed before has its real type on the row, and what was declared first in its metadata.
    earlier = (file.metadata or {}).get("claimedType")
    for declared in (earlier, file.content_type, by_name):
        essence = str(declared or "").partition(";")[0].partition(",")[0].strip().strip('"').lower()
        if "/" in essence and essence not in _NO_IDEA:
            return essence
    return None

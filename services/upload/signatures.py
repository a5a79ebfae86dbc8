"""Signatures of file types, each with enough of its header that no other file has it by chance."""

import re
import struct

_DIB_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""The sizes that the second header of a bitmap may have."""
_ICON_HEAD, _ICON_ENTRY, _MAX_ICONS = 6, 16, 256
_TS_PACKET, _TS_SYNC = 188, 0x47
_BITRATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits per second by version (1, or 2 for 2 and 2.5) and layer of MPEG audio."""
_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


Table = tuple[tuple[re.Pattern[bytes], str], ...]
"""What a file of a type begins with, and the type."""


def _table(rows: dict[bytes, str]) -> Table:
    return tuple((re.compile(signature, re.DOTALL), media_type) for signature, media_type in rows.items())


BINARY = _table({
    rb"\xff\xd8\xff": "image/jpeg",
    rb"\x89PNG\r\n\x1a\n": "image/png",
    rb"GIF8[79]a": "image/gif",
    rb"RIFF.{4}WEBP": "image/webp",
    rb"II\*\x00\x10\x00\x00\x00CR\x02": "image/x-canon-cr2",
    rb"II[*+]\x00|MM\x00[*+]": "image/tiff",
    rb"8BPS\x00[\x01\x02]": "image/vnd.adobe.photoshop",
    rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51\x00": "image/jp2",
    rb"\x00\x00\x00\x0cJXL \r\n\x87\n|\xff\x0a[\x00-\xff]{8}": "image/jxl",
    rb"P4\s(?:#[^\n]*\n|\s)*\d+(?:#[^\n]*\n|\s)+\d+\s": "image/x-portable-bitmap",
    rb"P5\s(?:#[^\n]*\n|\s)*\d+(?:#[^\n]*\n|\s)+\d+(?:#[^\n]*\n|\s)+\d+\s": "image/x-portable-graymap",
    rb"P6\s(?:#[^\n]*\n|\s)*\d+(?:#[^\n]*\n|\s)+\d+(?:#[^\n]*\n|\s)+\d+\s": "image/x-portable-pixmap",
    rb"P7\n(?:#[^\n]*\n)*WIDTH \d": "image/x-portable-arbitrarymap",
    rb"P[Ff]\n\d+ \d+\n-?\d+\.\d+\n": "image/x-portable-floatmap",
    rb"AT&TFORM.{4}DJV": "image/vnd.djvu",
    rb"icns\x00.{3}[ -~]{4}": "image/icns",
    rb"\x76\x2f\x31\x01\x02": "image/x-exr",
    rb"qoif\x00.{3}\x00.{3}[\x03\x04][\x00\x01]": "image/x-qoi",
    rb"\x0a[\x00\x02-\x05]\x01[\x01\x02\x04\x08].{60}\x00[\x01-\x04]": "image/vnd.zbrush.pcx",
    rb"gimp xcf (?:file|v\d{3})\x00": "image/x-xcf",
    rb"DDS \x7c\x00\x00\x00": "image/vnd.ms-dds",
    rb"\xc5\xd0\xd3\xc6.{28}": "application/postscript",
    rb"\x01\x00\x00\x00.{36} EMF": "image/emf",
    rb"\xd7\xcd\xc6\x9a\x00\x00": "image/wmf",
    rb".{128}DICM": "application/dicom",
    rb"\x1f\x8b\x08[\x00-\x1f]": "application/gzip",
    rb"BZh[1-9]1AY&SY": "application/x-bzip2",
    rb"\xfd7zXZ\x00": "application/x-xz",
    rb"\x28\xb5\x2f\xfd": "application/zstd",
    rb"7z\xbc\xaf\x27\x1c": "application/x-7z-compressed",
    rb"Rar!\x1a\x07[\x00\x01]": "application/vnd.rar",
    rb".{257}ustar[\x00 ]": "application/x-tar",
    rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/x-ole-storage",
    rb"SQLite format 3\x00": "application/vnd.sqlite3",
    rb"\x7fELF[\x01\x02][\x01\x02]\x01": "application/x-executable",
    rb"\x00asm[\x01\x02]\x00\x00\x00": "application/wasm",
    rb"PAR1[\x15\x00]": "application/vnd.apache.parquet",
    rb"MSCF\x00\x00\x00\x00": "application/vnd.ms-cab-compressed",
    rb"!<arch>\ndebian-binary": "application/vnd.debian.binary-package",
    rb"MZ.{62}.*PE\x00\x00": "application/vnd.microsoft.portable-executable",
    rb"ID3[\x02-\x04][^\xff][\x00-\xf0][\x00-\x7f]{4}": "audio/mpeg",
    rb"fLaC[\x00\x80]\x00\x00\x22": "audio/flac",
    rb"RIFF.{4}WAVE": "audio/wav",
    rb"FORM.{4}AIF[FC]": "audio/aiff",
    rb"MThd\x00\x00\x00\x06": "audio/midi",
    rb"#!AMR\n": "audio/amr",
    rb"RIFF.{4}AVI ": "video/x-msvideo",
    rb"FLV\x01.\x00\x00\x00\x09": "video/x-flv",
    rb"\x00\x00\x01[\xba\xb3]": "video/mpeg",
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "video/x-ms-asf",
    rb"wOFF[\x00OT]": "font/woff",
    rb"wOF2[\x00OT]": "font/woff2",
    rb"OTTO\x00": "font/otf",
    rb"\x00\x01\x00\x00\x00[\x04-\x40]": "font/ttf",
})  # fmt: skip
"""Types whose beginning is no text."""

TEXTUAL = _table({
    rb"SIMPLE  = {20}T": "image/fits",
    rb"P1\s(?:#[^\n]*\n|\s)*\d+\s+\d+\s+(?:#[^\n]*\n|[01\s])*\Z": "image/x-portable-bitmap",
    rb"P2\s(?:#[^\n]*\n|\s)*\d+\s+\d+\s+(?:#[^\n]*\n|[\d\s])*\Z": "image/x-portable-graymap",
    rb"P3\s(?:#[^\n]*\n|\s)*\d+\s+\d+\s+(?:#[^\n]*\n|[\d\s])*\Z": "image/x-portable-pixmap",
    rb"P4\s(?:#[^\n]*\n|\s)*\d+\s+\d+\s.{0,1024}\xff": "image/x-portable-bitmap",
    rb"P5\s(?:#[^\n]*\n|\s)*\d+\s+\d+\s+(?:255|65535)\s": "image/x-portable-graymap",
    rb"P6\s(?:#[^\n]*\n|\s)*\d+\s+\d+\s+(?:255|65535)\s": "image/x-portable-pixmap",
    rb"#\?(?:RADIANCE|RGBE)\n": "image/vnd.radiance",
    rb"%!PS-Adobe-\d\.\d PDF-\d\.\d": "application/pdf",
    rb"%!PS-Adobe-\d": "application/postscript",
    rb"\{\\rtf1": "application/rtf",
    rb"(?:\s*%[^\r\n]*[\r\n])*+\s*\d{1,10} \d{1,5} obj\b\s*(?:<<|\[)\s*[/\[(<\d]": "application/pdf",
})  # fmt: skip
"""Types that are text, or begin like one."""


def is_bitmap(head: bytes) -> bool:
    """Return whether it begins with the two headers of a Windows or OS/2 bitmap."""
    if not head.startswith(b"BM") or len(head) < 26:  # noqa: PLR2004 - both headers at their shortest
        return False
    pixels_at, header = struct.unpack_from("<II", head, 10)
    return bool(header in _DIB_HEADERS and 14 + header <= pixels_at)


def is_icon(head: bytes) -> bool:
    """Return whether it begins with the directory of an icon or a cursor, and its first picture is behind that."""
    if len(head) < _ICON_HEAD + _ICON_ENTRY:
        return False
    reserved, kind, count = struct.unpack_from("<HHH", head)
    if reserved != 0 or kind not in {1, 2} or not 0 < count <= _MAX_ICONS:
        return False
    length, place = struct.unpack_from("<8xII", head, _ICON_HEAD)
    return bool(length > 0 and place >= _ICON_HEAD + count * _ICON_ENTRY)


def is_mpeg_audio(head: bytes) -> bool:
    """Return whether it begins with two frames of MPEG audio, one behind the other."""
    length = _frame_bytes(head)
    return length is not None and _frame_bytes(head[length:]) is not None


def is_transport_stream(head: bytes) -> bool:
    """Return whether it begins with four packets of an MPEG transport stream."""
    return len(head) > 3 * _TS_PACKET and all(head[number * _TS_PACKET] == _TS_SYNC for number in range(4))


def _frame_bytes(head: bytes) -> int | None:
    """Return the length of the frame of MPEG audio that begins here (ISO/IEC 11172-3 §2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - eleven bits of one
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or not 0 < bitrate < 15 or rate == 3:  # noqa: PLR2004 - reserved values
        return None
    bits = _BITRATES[1 if version == 3 else 2, layer][bitrate - 1] * 1000  # noqa: PLR2004 - version 1
    hertz = _SAMPLE_RATES[version][rate]
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding  # noqa: PLR2004

"""Image files that tests make byte by byte, because no library writes them."""

import struct
from collections.abc import Mapping, Sequence

RAMP = (60, 40)
"""The size of most of them: black on the left, white on the right."""
_FORMS = {3: "H", 4: "I"}


def tiff(
    pixels: bytes,
    *,
    order: str = "<",
    size: tuple[int, int] = RAMP,
    bits: Sequence[int] = (8,),
    photometric: int | None = 1,
    sample_format: int = 1,
    more: Mapping[int, tuple[int, bytes | Sequence[int]]] | None = None,
    next_page: int = 0,
) -> bytes:
    """An uncompressed TIFF of one strip: header, pixels, directory; `more` are tags of type and values."""
    width, height = size
    tags: dict[int, tuple[int, bytes | Sequence[int]]] = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, list(bits)),
        259: (3, [1]),
        273: (4, [8]),
        277: (3, [len(bits)]),
        278: (3, [height]),
        279: (4, [len(pixels)]),
        339: (3, [sample_format] * len(bits)),
        **({} if photometric is None else {262: (3, [photometric])}),
        **(more or {}),
    }
    pixels += bytes(len(pixels) % 2)
    directory = 8 + len(pixels)
    beyond = directory + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, (kind, content) in sorted(tags.items()):
        data = content if isinstance(content, bytes) else struct.pack(f"{order}{len(content)}{_FORMS[kind]}", *content)
        entries += struct.pack(f"{order}HHI", tag, kind, len(content))
        if len(data) > 4:
            entries += struct.pack(f"{order}I", beyond + len(values))
            values += data + bytes(len(data) % 2)
        else:
            entries += data.ljust(4, b"\x00")
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, directory)
    return (
        header + pixels + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", next_page) + values
    )


def ramp(form: str, low: float, high: float, size: tuple[int, int] = RAMP, order: str = "<") -> bytes:
    """Samples that rise from left to right, as numbers of struct's form."""
    width, height = size
    values = [low + (high - low) * x / (width - 1) for x in range(width)]
    numbers = values if form in "fd" else [round(value) for value in values]
    return struct.pack(f"{order}{width}{form}", *numbers) * height


def packed_12_bits(size: tuple[int, int] = RAMP) -> bytes:
    """A ramp of 12-bit samples, two in three bytes."""
    width, height = size
    values = [round(4095 * x / (width - 1)) for x in range(width)]
    row = b"".join((one << 12 | two).to_bytes(3) for one, two in zip(values[::2], values[1::2], strict=True))
    return row * height


def fits(bits: int = 16, pixels: bytes = b"", size: tuple[int, int] = RAMP, more: Sequence[str] = ()) -> bytes:
    """A FITS file of one image; its samples are big-endian."""
    pixels = pixels or ramp("h", -32768, 32767, size, ">")
    cards = ["SIMPLE  =                    T", f"BITPIX  = {bits:>20}", "NAXIS   =                    2"]
    cards += [f"NAXIS1  = {size[0]:>20}", f"NAXIS2  = {size[1]:>20}", *more, "END"]
    header = "".join(card.ljust(80) for card in cards).encode()
    return header.ljust(-(-len(header) // 2880) * 2880) + pixels.ljust(-(-len(pixels) // 2880) * 2880, b"\x00")


def fits_without_data() -> bytes:
    """The first part of a FITS file that has everything in extensions."""
    cards = [
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "END",
    ]
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode()


def table_extension() -> bytes:
    """An extension with a table of 100 rows of 64 bytes."""
    cards = ["XTENSION= 'BINTABLE'", "BITPIX  =                    8", "NAXIS   =                    2"]
    cards += ["NAXIS1  =                   64", "NAXIS2  =                  100", "END"]
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode() + bytes(range(64)) * 135


def psd(depth: int = 8, size: tuple[int, int] = RAMP) -> bytes:
    """A Photoshop document of three channels without compression: a ramp of grey."""
    width, height = size
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, depth, 3)
    channel = ramp({8: "B", 16: "H", 32: "I"}[depth], 0, 2**depth - 1, size, ">")
    return head + bytes(4) + bytes(4) + bytes(4) + b"\x00\x00" + 3 * channel

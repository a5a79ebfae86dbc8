"""Some hundreds of files as programs write them, sound and slightly damaged, each with a name that says what it is."""

import bz2
import gzip
import io
import lzma
import re
import sqlite3
import struct
import tarfile
import wave
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing

from PIL import Image

from tests.unit.services.upload.inspector.looks import encoded, gradient
from tests.unit.services.upload.inspector.pdfs import PAINTED, form, one_page, pdf, stream
from tests.unit.services.upload.inspector.pictures import RAMP, fits, packed_12_bits, psd, ramp, tiff

SIZE = (120, 80)
_PIXELS = RAMP[0] * RAMP[1]
_WRITERS: dict[str, tuple[str, ...]] = {
    "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "GIF": ("L", "P", "RGB"),
    "WEBP": ("L", "RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "ICO": ("RGBA",),
    "JPEG2000": ("L", "RGB", "RGBA"),
    "PPM": ("1", "L", "RGB", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"),
}
_COMPRESSIONS = ("tiff_lzw", "tiff_adobe_deflate", "packbits")
_GREYS = {
    "8-bit": ("B", 0, 255, 1, 8),
    "signed 8-bit": ("b", -128, 127, 2, 8),
    "16-bit": ("H", 0, 65_535, 1, 16),
    "signed 16-bit": ("h", -32_768, 32_767, 2, 16),
    "32-bit": ("I", 0, 2**32 - 1, 1, 32),
    "signed 32-bit": ("i", -(2**31), 2**31 - 1, 2, 32),
    "float": ("f", 0.0, 1.0, 3, 32),
    "double": ("d", 0.0, 1.0, 3, 64),
    "undefined 8-bit": ("B", 0, 255, 4, 8),
    "undefined 16-bit": ("H", 0, 65_535, 4, 16),
}
_ORDERS = {"II": "<", "MM": ">"}
_POLARITIES = {"min-is-white": 0, "min-is-black": 1}


def images() -> dict[str, bytes]:
    """Return images by name."""
    return {**_written(), **dict(_tiffs()), **dict(_bitmaps()), **dict(_pngs()), **dict(_others())}


def _written() -> dict[str, bytes]:
    """Return what Pillow writes, in all modes."""
    made: dict[str, bytes] = {}
    for form_name, modes in _WRITERS.items():
        for mode in modes:
            grey = mode in {"1", "L", "I;16", "I", "F"}
            picture = (gradient("L", SIZE) if grey else gradient("RGB", SIZE)).convert(mode)
            if form_name == "ICO":
                picture = picture.resize((48, 48))
            options = {"sizes": [(48, 48)]} if form_name == "ICO" else {}
            made[f"{form_name} {mode}"] = encoded(picture, form_name, **options)
            if form_name == "TIFF":
                made |= {f"TIFF {mode} {how}": encoded(picture, "TIFF", compression=how) for how in _COMPRESSIONS}
    picture = gradient("RGB", SIZE)
    for name in ("JPEG", "GIF", "PNG", "WEBP"):
        made[f"{name} followed by something"] = encoded(picture, name) + b"something else" * 100
    made["JPEG progressive"] = encoded(picture, "JPEG", progressive=True)
    made["JPEG without its end"] = encoded(picture, "JPEG")[:-2]
    made["JPEG without a header of its own"] = _without_jfif(encoded(picture, "JPEG"))
    made["JPEG with fillers"] = encoded(picture, "JPEG").replace(b"\xff\xdb", b"\xff\xff\xff\xff\xdb", 1)
    for sampling in (0, 1, 2):
        made[f"JPEG sampled {sampling}"] = encoded(picture, "JPEG", subsampling=sampling)
    made["WEBP lossless"] = encoded(picture, "WEBP", lossless=True)
    made["GIF without its end"] = encoded(picture, "GIF")[:-1]
    return made


def _without_jfif(data: bytes) -> bytes:
    return data[:2] + data[4 + int.from_bytes(data[4:6]) :]


def _tiffs() -> Iterator[tuple[str, bytes]]:
    for order_name, order in _ORDERS.items():
        for polarity, photometric in _POLARITIES.items():
            for kind, (letter, low, high, sample_format, bits) in _GREYS.items():
                pixels = ramp(letter, low, high, order=order)
                yield (
                    f"TIFF {order_name} {kind} {polarity}",
                    tiff(pixels, order=order, bits=(bits,), sample_format=sample_format, photometric=photometric),
                )
            packed = tiff(packed_12_bits(), order=order, bits=(12,), photometric=photometric)
            yield f"TIFF {order_name} 12-bit {polarity}", packed
        yield from _colour_tiffs(order_name, order)


def _colour_tiffs(name: str, order: str) -> Iterator[tuple[str, bytes]]:
    shades = [round(65_535 * x / (RAMP[0] - 1)) for x in range(RAMP[0])]
    for bits, letter in ((8, "B"), (16, "H")):
        samples = [shade >> (16 - bits) for shade in shades]
        for bands, photometric, extra in ((3, 2, []), (4, 2, [2])):
            full = 2**bits - 1
            pixel = b"".join(struct.pack(f"{order}{bands}{letter}", *[s] * 3, *[full] * (bands - 3)) for s in samples)
            more = {338: (3, extra)} if extra else {}
            yield (
                f"TIFF {name} {bands} bands of {bits} bits",
                tiff(pixel * RAMP[1], order=order, bits=(bits,) * bands, photometric=photometric, more=more),
            )
        plane = struct.pack(f"{order}{RAMP[0]}{letter}", *samples) * RAMP[1]
        places = [8 + number * len(plane) for number in range(3)]
        planar = {284: (3, [2]), 273: (4, places), 279: (4, [len(plane)] * 3)}
        yield (
            f"TIFF {name} planes of {bits} bits",
            tiff(plane * 3, order=order, bits=(bits,) * 3, photometric=2, more=planar),
        )
        grey_alpha = b"".join(struct.pack(f"{order}2{letter}", sample, 2**bits - 1) for sample in samples)
        yield (
            f"TIFF {name} grey and alpha of {bits} bits",
            tiff(grey_alpha * RAMP[1], order=order, bits=(bits, bits), more={338: (3, [2])}),
        )
    floats = b"".join(struct.pack(f"{order}3f", *[shade / 65_535] * 3) for shade in shades) * RAMP[1]
    yield f"TIFF {name} colours in floats", tiff(floats, order=order, bits=(32,) * 3, photometric=2, sample_format=3)
    yield f"TIFF {name} five bands", tiff(bytes(5 * _PIXELS), order=order, bits=(8,) * 5)
    grey = ramp("B", 0, 255)
    yield f"TIFF {name} camera's mosaic", tiff(grey, order=order, photometric=32_803)
    yield f"TIFF {name} page list in a circle", tiff(grey, order=order, next_page=8 + len(grey))
    yield f"TIFF {name} page list broken off", tiff(grey, order=order, next_page=0xFFFFFFF0)
    for orientation in (3, 6, 8):
        yield f"TIFF {name} turned {orientation}", tiff(grey, order=order, more={274: (3, [orientation])})


def _bitmap(bits: int, pixels: bytes, *, compression: int = 0, masks: bytes = b"", height: int = SIZE[1]) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, SIZE[0], height, 1, bits, compression, len(pixels), 2835, 2835, 0, 0)
    place = 14 + len(head) + len(masks)
    return b"BM" + struct.pack("<IHHI", place + len(pixels), 0, 0, place) + head + masks + pixels


def _bitmaps() -> Iterator[tuple[str, bytes]]:
    bright = [2 * x for x in range(SIZE[0])]
    rows = {
        24: b"".join(bytes([value] * 3) for value in bright) * SIZE[1],
        32: b"".join(bytes([value] * 3 + [0]) for value in bright) * SIZE[1],
        16: b"".join(struct.pack("<H", (value >> 3) * 0x0421) for value in bright) * SIZE[1],
    }
    for bits, pixels in rows.items():
        yield f"BMP of {bits} bits", _bitmap(bits, pixels)
        yield f"BMP of {bits} bits from the top", _bitmap(bits, pixels, height=-SIZE[1])
    masks = {
        "565": (16, 0xF800, 0x07E0, 0x001F),
        "444": (16, 0x0F00, 0x00F0, 0x000F),
        "888": (32, 0xFF0000, 0xFF00, 0xFF),
        "888 reversed": (32, 0xFF, 0xFF00, 0xFF0000),
        "10 10 10": (32, 0x3FF00000, 0xFFC00, 0x3FF),
    }
    for name, (bits, *fields) in masks.items():
        yield f"BMP of fields {name}", _bitmap(bits, rows[bits], compression=3, masks=struct.pack("<3I", *fields))


def _chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", right if checksum is None else checksum)


def png(*chunks: bytes, depth: int = 8, colour: int = 0, pixels: bytes | None = None) -> bytes:
    """A PNG with these chunks between its header and its pixels."""
    row = b"\0" + bytes(2 * x for x in range(SIZE[0]))
    body = zlib.compress(row * SIZE[1]) if pixels is None else pixels
    head = struct.pack(">IIBBBBB", *SIZE, depth, colour, 0, 0, 0)
    end = _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + b"".join(chunks) + end


def _pngs() -> Iterator[tuple[str, bytes]]:
    senseless = {
        b"iCCP": b"", b"gAMA": b"\0", b"pHYs": b"\0", b"cHRM": b"\0", b"acTL": b"\0", b"iTXt": b"\xff", b"sBIT": b"",
        b"tIME": b"\0", b"eXIf": b"senseless", b"bKGD": b"", b"tRNS": b"", b"zTXt": b"a\0\1b",
    }  # fmt: skip
    for kind, data in senseless.items():
        yield f"PNG with a senseless {kind.decode()}", png(_chunk(kind, data))
    animation = _chunk(b"acTL", struct.pack(">II", 2, 0)) + _chunk(b"fcTL", bytes(26))
    yield "PNG with a senseless frame", png(animation)
    yield "PNG with a remark of a wrong checksum", png(_chunk(b"tEXt", b"a\0b", 1))
    yield "PNG in many pieces", _in_pieces(png())
    for depth in (1, 2, 4):
        row = b"\0" + bytes(range(SIZE[0] * depth // 8))
        yield f"PNG of {depth} bits", png(depth=depth, pixels=zlib.compress(row * SIZE[1]))
        palette = _chunk(b"PLTE", bytes(v for shade in range(2**depth) for v in [255 * shade // (2**depth - 1)] * 3))
        yield f"PNG of {depth} bits with a palette", png(palette, depth=depth, colour=3, pixels=zlib.compress(row * 80))


def _in_pieces(data: bytes) -> bytes:
    place = data.index(b"IDAT") - 4
    length = int.from_bytes(data[place : place + 4])
    body = data[place + 8 : place + 8 + length]
    pieces = b"".join(_chunk(b"IDAT", body[start : start + 7]) for start in range(0, length, 7))
    return data[:place] + pieces + _chunk(b"IEND", b"")


def _others() -> Iterator[tuple[str, bytes]]:
    grey = bytes(2 * x for x in range(SIZE[0])) * SIZE[1]
    for most in (1, 100, 255, 256, 4095, 65_535):
        letter = "B" if most < 256 else "H"
        row = struct.pack(f">{SIZE[0]}{letter}", *[x * most // (SIZE[0] - 1) for x in range(SIZE[0])])
        yield f"PGM up to {most}", b"P5 120 80 %d\n" % most + row * SIZE[1]
    yield "PGM with remarks", b"P5\n# made by hand\n120 80\n# and more\n255\n" + grey
    yield "PPM of Windows", b"P6\r\n120 80\r\n255\n" + bytes(value for value in grey for _ in range(3))
    yield "PBM all black", b"P4\n120 80\n" + b"\xff" * 1200
    yield "PBM striped", b"P4\n120 80\n" + b"\xff\0\0" * 400
    yield "FITS of 8 bits", fits(8, ramp("B", 0, 255))
    yield "FITS of 16 bits", fits()
    yield "FITS of 32 bits", fits(32, ramp("i", -1000, 1000, order=">"))
    yield "FITS of floats", fits(-32, ramp("f", 0, 1, order=">"))
    yield "FITS of doubles", fits(-64, ramp("d", 0, 1, order=">"))
    yield "FITS of 64 bits", fits(64, ramp("q", -(2**40), 2**40, order=">"))
    for depth in (8, 16):
        yield f"PSD of {depth} bits", psd(depth)
    cursor = bytearray(encoded(Image.new("RGBA", (32, 32), "red"), "ICO", sizes=[(32, 32)]))
    cursor[2] = 2
    yield "ICO of a pointer", bytes(cursor)


def documents() -> dict[str, bytes]:
    """Return PDFs by name: of many writers, in front of and behind other things, with damaged structures."""
    plain = pdf(one_page())
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R%s>>"
    made = {
        "plain": plain,
        "form": pdf(form()),
        "signature": pdf(form(b"/FT/Sig", 132)),
        "without a header": pdf(one_page(), header=b""),
        "with another comment as header": pdf(one_page(), header=b"%\xe2\xe3\xcf\xd3\n"),
        "with a header in lower case": pdf(one_page(), header=b"%pdf-1.4\n"),
        "with a header of PostScript": pdf(one_page(), header=b"%!PS-Adobe-3.0 PDF-1.4\n"),
        "with a header of no version": pdf(one_page(), header=b"%PDF-\n"),
        "carriage returns": plain.replace(b"\n", b"\r"),
        "of Windows": plain.replace(b"\n", b"\r\n"),
        "table without places": re.sub(rb"\d{10} 00000 n", b"0000000000 00000 n", plain),
        "table of free places": plain.replace(b"00000 n", b"00000 f"),
        "without endobj": plain.replace(b"endobj\n", b""),
        "without endstream": plain.replace(b"endstream", b""),
        "without a length": re.sub(rb"/Length \d+", b"", plain),
        "without startxref": plain[: plain.index(b"startxref")],
        "without a table": plain[: plain.index(b"xref\n0 1")],
        "without a root": plain.replace(b"/Root 1 0 R", b"           "),
        "root missing": plain.replace(b"/Root 1 0 R", b"/Root 9 0 R"),
        "contents in pieces": pdf(one_page() | {3: page.replace(b"4 0 R", b"[4 0 R]") % b"/MediaBox[0 0 200 100]"}),
        "packed": pdf(one_page() | {4: stream(zlib.compress(PAINTED), b"/Filter/FlateDecode")}),
        "packed and cut": pdf(one_page() | {4: stream(zlib.compress(PAINTED)[:-5], b"/Filter/FlateDecode")}),
        "locked with a certificate": pdf(
            one_page(), trailer=b"/Encrypt<</Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 4>>"
        ),
        "page of another type": pdf(one_page() | {3: b"<</Type/Template/Parent 2 0 R/MediaBox[0 0 200 100]>>"}),
        "pages without a type": pdf(one_page() | {2: b"<</Kids[3 0 R]/Count 1>>"}),
        "catalogue without a type": pdf(one_page() | {1: b"<</Pages 2 0 R>>"}),
        "catalogue naming a page": pdf(one_page() | {1: b"<</Type/Catalog/Pages 3 0 R>>"}),
        "deeply nested": _nested(20),
        "nested beyond reason": _nested(1500),
    }
    boxes = {
        "reversed": b"[200 100 0 0]", "negative": b"[-100 -50 100 50]", "broken": b"[0 0 200.5 100.25]",
        "of no size": b"[0 0 0 0]", "of three": b"[0 0 200]", "tiny": b"[0 0 .02 .01]", "thin": b"[0 0 20000 1]",
    }  # fmt: skip
    made |= {f"box {name}": pdf(one_page() | {3: page % (b"/MediaBox" + box)}) for name, box in boxes.items()}
    turns = (b"90", b"-90", b"180", b"450", b"45")
    made |= {f"turned {turn.decode()}": pdf(one_page(b"/Rotate " + turn)) for turn in turns}
    starts = {
        "mark": b"\xef\xbb\xbf", "nulls": bytes(512), "blanks": b"   \n", "kilobyte": b"x" * 1000 + b"\n",
        "answer": b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
        "printer": b"\x1b%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE = PDF\r\n",
        "page": b"<html><body>\r\n", "two kilobytes": b"x" * 2000 + b"\n",
    }  # fmt: skip
    made |= {f"behind a {name}": pdf(one_page(), prefix=start) for name, start in starts.items()}
    made |= {f"before {name}": plain + rest for name, rest in {"a page": b"</html>" * 9, "nulls": bytes(5000)}.items()}
    made |= {f"cut by {cut}": plain[:-cut] for cut in (1, 5, 10, 30, 100)}
    places = {"zero": b"0", "far away": b"999999999", "negative": b"-5"}
    made |= {f"table at {name}": re.sub(rb"(?<=startxref\n)\d+", place, plain) for name, place in places.items()}
    counts = {"wrong": b"/Count 99", "zero": b"/Count 0", "negative": b"/Count -1", "missing": b""}
    made |= {f"count {n}": pdf(one_page() | {2: b"<</Type/Pages/Kids[3 0 R]%s>>" % c}) for n, c in counts.items()}
    kids = {"missing": b"[99 0 R 3 0 R]", "null": b"[null 3 0 R]", "themselves": b"[2 0 R 3 0 R]", "no list": b"3 0 R"}
    made |= {f"kids {n}": pdf(one_page() | {2: b"<</Type/Pages/Kids%s/Count 1>>" % k}) for n, k in kids.items()}
    return made


def _nested(levels: int) -> bytes:
    nodes = {n: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 1) for n in range(2, levels + 2)}
    page = b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 200 100]/Contents %d 0 R>>" % (levels + 1, levels + 3)
    return pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", **nodes, levels + 2: page, levels + 3: stream(PAINTED)})


def other_files() -> dict[str, bytes]:
    """Return files of other kinds by name."""
    text = "Ein Text, größer als nötig.\n" * 20
    sound = io.BytesIO()
    with closing(wave.open(sound, "wb")) as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(bytes(800))
    archive, folder = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.txt", text)
    with tarfile.open(fileobj=folder, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("a.txt"))
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE a (b)")
        tables = database.serialize()
    return {
        "text": text.encode(), "text of Windows": text.encode("cp1252"), "text in UTF-16": text.encode("utf-16"),
        "table of weights": b"BMI;weight\n21.4;70\n", "text on tags": b"ID3 tags explained\n",
        "text on formats": b"P5 and P6 are formats of pictures.\n", "text on PDF": b"A file begins with %PDF-1.7.\n",
        "rich text": b"{\\rtf1\\ansi a}", "postscript": b"%!PS-Adobe-3.0\nshowpage\n", "nothing": b"",
        "gzip": gzip.compress(b"a"), "bzip2": bz2.compress(b"a"), "xz": lzma.compress(b"a"), "zip": archive.getvalue(),
        "tar": folder.getvalue(), "sqlite": tables, "wave": sound.getvalue(), "noise": bytes(range(256)) * 8,
    }  # fmt: skip

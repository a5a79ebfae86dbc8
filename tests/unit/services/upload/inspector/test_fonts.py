"""Text whose font is not embedded is shown with a font of the machine; one that has none is known."""

from pathlib import Path

import pytest

from services.upload.inspector.fonts import FONT_FOLDERS, has_fonts
from tests.servers import absent
from tests.unit.services.upload.inspector.looks import look
from tests.unit.services.upload.inspector.pdfs import one_page, pdf


def printed(text: str, font: bytes, encoding: bytes, ordering: bytes) -> bytes:
    """An old office printout: its font is named and not embedded."""
    show = b"BT /F 40 Tf 20 30 Td <%s> Tj ET" % text.encode("utf-16-be").hex().encode()
    collection = b"<</Registry(Adobe)/Ordering(%s)/Supplement 2>>" % ordering
    face = b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/%s/DescendantFonts[6 0 R]>>" % (font, encoding)
    kind = b"<</Type/Font/Subtype/CIDFontType0/BaseFont/%s/CIDSystemInfo %s/FontDescriptor 7 0 R>>" % (font, collection)
    metrics = b"/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/StemV 80"
    described = b"<</Type/FontDescriptor/FontName/%s%s>>" % (font, metrics)
    return pdf(one_page(b"/Resources<</Font<</F 5 0 R>>>>", show, more={5: face, 6: kind, 7: described}))


@pytest.mark.parametrize(
    ("text", "font", "encoding", "ordering"),
    [
        ("\u4e2d\u6587", b"STSong-Light", b"UniGB-UCS2-H", b"GB1"),
        ("\u65e5\u672c", b"HeiseiMin-W3", b"UniJIS-UCS2-H", b"Japan1"),
        ("\u7e41\u9ad4", b"MSung-Light", b"UniCNS-UCS2-H", b"CNS1"),
        ("\ud55c\uad6d\uc5b4", b"HYSMyeongJo-Medium", b"UniKS-UCS2-H", b"Korea1"),
        ("\ub2e4\ub78c\uc950", b"HYGoThic-Medium", b"UniKS-UCS2-H", b"Korea1"),
    ],
)
def test_chinese_japanese_and_korean_text_is_shown_without_its_font(
    text: str, font: bytes, encoding: bytes, ordering: bytes
) -> None:
    """With the fonts that the image has."""
    for font_file, package in (("DroidSansFallback*", "fonts-droid-fallback"), ("UnDotum.ttf", "fonts-unfonts-core")):
        if not any(path for folder in FONT_FOLDERS for path in folder.rglob(font_file)):
            absent(f"apt-get install {package}")
    _, picture = look(printed(text, font, encoding, ordering))
    assert picture.convert("L").getextrema()[0] == 0


def test_a_machine_without_fonts_is_known(tmp_path: Path) -> None:
    """A slim image, for instance."""
    assert not has_fonts([tmp_path, tmp_path / "missing"])
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "Face.TTF").touch()
    assert has_fonts([tmp_path])

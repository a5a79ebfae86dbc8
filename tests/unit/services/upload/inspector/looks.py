"""What the tests of the decoders share: bytes in, findings and thumbnail out."""

import io
from typing import Any

from PIL import Image

from services.upload.file_type import PDF, sniff
from services.upload.inspection import ImageLimits
from services.upload.inspector.images import look_into_image
from services.upload.inspector.pdf import look_into_pdf

LIMITS = ImageLimits(thumbnail_pixels=320, max_image_pixels=1_000_000, memory_bytes=2**30, cpu_seconds=30)


def inspect(data: bytes, limits: ImageLimits = LIMITS) -> tuple[dict[str, Any], Image.Image | None]:
    """Inspect bytes as the service would."""
    media_type = sniff(data)
    if media_type == PDF:
        return look_into_pdf(io.BytesIO(data), limits)
    return look_into_image(io.BytesIO(data), media_type, limits)


def look(data: bytes, limits: ImageLimits = LIMITS) -> tuple[dict[str, Any], Image.Image]:
    """Inspect bytes that can be shown."""
    metadata, picture = inspect(data, limits)
    assert picture is not None, metadata
    return metadata, picture


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """The image as a file of the format."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def gradient(mode: str, size: tuple[int, int] = (640, 400)) -> Image.Image:
    """A picture that is dark on the left and light on the right."""
    line = Image.linear_gradient("L").rotate(90)
    return line.resize(size).convert("RGB").convert(mode)


def alpha(picture: Image.Image, place: tuple[int, int]) -> int:
    """How much of a thumbnail is there at a place: 0 is nothing, 255 all."""
    x, y = place
    return picture.getchannel("A").tobytes()[y * picture.width + x]


def brightness(picture: Image.Image, x: float) -> int:
    """The grey at a place between left (0) and right (1), at half height."""
    grey = picture.convert("RGB").convert("L")
    return grey.tobytes()[picture.height // 2 * picture.width + int(x * (picture.width - 1))]

"""Bring deep greys (12, 16, 32 bits, floats) down to 8 bits: either byte order, either polarity, gaps transparent."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageMath

_BAND_PIXELS = 1_000_000
"""A large image is converted in bands of rows, so that it is in memory once and not four times."""
_UNREAL = 1e30
"""Larger floats are fillers: the largest float is a common mark of missing data."""
_LIGHTEST = 255


@dataclass(frozen=True, slots=True)
class Samples:
    """What the samples of a deep grey image mean, as far as its decoder does not say so by itself."""

    highest: float | None = None
    """The sample that is white; None to spread what is there from black to white."""
    white_is_zero: bool = False
    no_data: float | None = None
    """The sample that marks a gap."""
    wraps_at: int = 0
    """Unsigned samples were read as signed: negative ones have this added."""
    signed_bits: int = 0
    """Signed samples of so many bits were read as unsigned."""


def to_8_bits(image: Image.Image, samples: Samples) -> Image.Image:
    """Return the image in mode `L`, or `LA` with its gaps (no-data, not a number, infinite) transparent."""
    low, high = (0.0, samples.highest) if samples.highest is not None else _extremes(image, samples)
    grey = Image.new("L", image.size)
    alpha = Image.new("L", image.size, _LIGHTEST)
    gaps = False
    for top, band in _bands(image, samples):
        there = _there(band, samples)
        grey.paste(_scaled(band, there, low, high, inverted=samples.white_is_zero), (0, top))
        if there.getextrema() != (_LIGHTEST, _LIGHTEST):
            gaps = True
            alpha.paste(there, (0, top))
    return Image.merge("LA", (grey, alpha)) if gaps else grey


def _bands(image: Image.Image, samples: Samples) -> Iterator[tuple[int, Image.Image]]:
    """Yield the image in bands of float samples, each with the row that it begins at."""
    image.load()
    width, height = image.size
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        if band.mode.startswith("I;"):
            band = band.convert("I")
        band = band.convert("F")
        if samples.wraps_at:
            band = _compute(lambda x: x + (x < 0.0) * float(samples.wraps_at), band)
        if samples.signed_bits:
            half = 2.0 ** (samples.signed_bits - 1)
            band = _compute(lambda x, half=half: x - (x >= half) * 2.0 * half, band)
        yield top, band


def _there(band: Image.Image, samples: Samples) -> Image.Image:
    """Return a mask of the samples that are real: 255 where one is, 0 in a gap. Not a number differs from itself."""
    mask = _compute(lambda x: (x == x) * (x < _UNREAL) * (x > -_UNREAL), band)  # noqa: PLR0124 - see above
    if samples.no_data is not None:
        no_data = samples.no_data
        mask = _compute(lambda x, m: m * (x != no_data), band, mask)
    return mask.convert("L").point(lambda there: _LIGHTEST if there else 0)


def _extremes(image: Image.Image, samples: Samples) -> tuple[float, float]:
    low, high = math.inf, -math.inf
    for _, band in _bands(image, samples):
        there = _there(band, samples)
        low = min(low, _filled(band, there, _UNREAL).getextrema()[0])
        high = max(high, _filled(band, there, -_UNREAL).getextrema()[1])
    return low, high


def _filled(band: Image.Image, there: Image.Image, filler: float) -> Any:
    filled = Image.new("F", band.size, filler)
    filled.paste(band, mask=there.convert("1"))
    return filled


def _scaled(band: Image.Image, there: Image.Image, low: float, high: float, *, inverted: bool) -> Image.Image:
    scale = _LIGHTEST / (high - low) if high > low else 0.0
    shift = 0.5 - low * scale  # half a step more, because what follows cuts off the fraction
    grey = _filled(band, there, low).point(lambda sample: sample * scale + shift).convert("L")
    result: Image.Image = grey.point(lambda value: _LIGHTEST - value) if inverted else grey
    return result


def _compute(formula: Callable[..., Any], *images: Image.Image) -> Image.Image:
    """Apply a formula to each sample; comparisons give 0 or 1."""
    names = [f"image{number}" for number in range(len(images))]
    result: Image.Image = ImageMath.lambda_eval(
        lambda given: formula(*(given[name] for name in names)), **dict(zip(names, images, strict=True))
    )
    return result

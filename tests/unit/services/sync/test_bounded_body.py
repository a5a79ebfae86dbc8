"""Bodies are unpacked by what they are, and never beyond their limit."""

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.connector import SyncFailedError
from services.sync.http.bounded_body import unpack

LIMIT = 10_000
FEED = b"<rss>" + b"<item/>" * 100 + b"</rss>"


def raw_deflate(data: bytes) -> bytes:
    """Compress without zlib's frame, as some servers understand `deflate`."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


def packed(body: bytes) -> bytes:
    """Pack a body as gzip, without the time: a test's name is made of it."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", FEED),
        ("identity", FEED),
        ("none", FEED),
        ("utf-8", FEED),
        ("aws-chunked", FEED),
        ("UTF-8, identity", b"\xef\xbb\xbf\n" + FEED),
        ("gzip", packed(FEED)),
        ("x-gzip", packed(FEED)),
        (" GZIP ", packed(FEED)),
        ("gzip, identity", packed(FEED)),
        ("gzip,utf-8", packed(FEED)),
        ("gzip, gzip", packed(packed(FEED))),
        ("deflate, gzip", packed(zlib.compress(FEED))),
        ("gzip", FEED),
        ("deflate", FEED),
        ("br", FEED),
        ("gzip, gzip", packed(FEED)),
        ("", packed(FEED)),
        ("deflate", packed(FEED)),
        ("gzip", packed(FEED[:50]) + packed(FEED[50:])),
        ("gzip", packed(FEED) + b"\0" * 20),
        ("deflate", zlib.compress(FEED)),
        ("deflate", zlib.compress(FEED, 0)),
        ("deflate", raw_deflate(FEED)),
        ("gzip", b""),
    ],
)
def test_a_body_is_unpacked_by_what_it_is(encoding: str, body: bytes) -> None:
    """Whatever a server calls it: packed and called plain, plain and called packed, in members, in layers."""
    found = unpack(body, encoding, LIMIT)
    assert found.data.removeprefix(b"\xef\xbb\xbf\n") == (FEED if body else b"")
    assert not found.is_cut


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("gzip", b"neither packed nor text", "damaged"),
        ("gzip", packed(FEED)[:-20], "cut off"),
        ("gzip", b"\x1f\x8b" + b"\xff" * 20, "damaged"),
        ("deflate", zlib.compress(FEED)[:-20], "damaged or cut off"),
        ("br", b"\x1b\x03\x00\xf8", "'br', which was not asked for"),
        ("zstd", b"\x28\xb5\x2f\xfd", "'zstd', which was not asked for"),
        ("gzip, gzip, gzip, gzip", b"", "packed 4 times"),
    ],
)
def test_what_cannot_be_unpacked_is_a_failed_attempt(encoding: str, body: bytes, problem: str) -> None:
    """It is said what is wrong with it."""
    with pytest.raises(SyncFailedError, match=problem):
        unpack(body, encoding, LIMIT)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", packed(b"x" * (LIMIT + 1))),
        ("deflate", zlib.compress(b"x" * 100 * LIMIT)),
        ("deflate", raw_deflate(b"x" * 100 * LIMIT)),
        ("gzip", packed(b"x" * 6_000) + packed(b"x" * 6_000)),
        ("gzip, gzip", packed(packed(b"x" * 100 * LIMIT))),
    ],
)
def test_what_is_too_large_ends_at_the_limit(encoding: str, body: bytes) -> None:
    """And says so."""
    found = unpack(body, encoding, LIMIT)
    assert (found.data, found.is_cut) == (b"x" * LIMIT, True)


def test_of_a_packed_body_that_was_cut_the_beginning_is_unpacked() -> None:
    """It was larger than the limit before it was unpacked."""
    found = unpack(packed(FEED)[:-9], "gzip", LIMIT, is_cut=True)
    assert found.is_cut
    assert FEED.startswith(found.data)


@given(st.text(st.sampled_from("gzip, deflate")), st.binary() | st.binary().map(gzip.compress))
def test_nothing_is_too_strange(encoding: str, body: bytes) -> None:
    """Something within the limit, or a failed attempt."""
    with contextlib.suppress(SyncFailedError):
        assert len(unpack(body, encoding, 50).data) <= max(50, len(body))

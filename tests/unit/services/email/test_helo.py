"""Our name in EHLO."""

import pytest

from services.email.helo import literal, own_literal, usable_name


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("app.example.com", "app.example.com"),
        ("app.example.com.", "app.example.com"),
        ("3f2a9c1d7b60", None),
        ("localhost", None),
        ("email_worker_1.internal", None),
        ("-app.example.com", None),
        ("127.0.0.1", None),
        ("a.b", "a.b"),
        ("", None),
        ("x" * 250 + ".example", None),
    ],
)
def test_a_name_is_used_if_servers_accept_it(name: str, used: str | None) -> None:
    """With a dot, and of letters, digits and hyphens; container names are neither."""
    assert usable_name(name) == used


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("::ffff:192.0.2.1", "[192.0.2.1]"),
    ],
)
def test_an_address_is_written_as_mail_servers_read_it(address: str, text: str) -> None:
    """RFC 5321 §4.1.3; a zone is nobody else's business."""
    assert literal(address) == text


async def test_our_address_is_the_one_from_which_the_server_is_reached() -> None:
    """Nothing is sent to find out, and a name that nobody knows is no error yet."""
    assert await own_literal("127.0.0.1", 25) == "[127.0.0.1]"
    assert await own_literal("nobody.invalid", 25) == "[127.0.0.1]"

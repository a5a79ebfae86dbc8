"""Which addresses are everybody's."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.http.ip_guard import is_public

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"]
CLOSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - an address to refuse, nothing is bound to it
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "nonsense",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address: str) -> None:
    """Also where IPv6 carries IPv4."""
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_no_other_address_may(address: str) -> None:
    """Private, loopback, link-local, shared, documentation, multicast, reserved, a cloud's inside; what carries one."""
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_what_ipv6_carries_decides(address: ipaddress.IPv4Address) -> None:
    """Mapped, through NAT64 or 6to4: never more open than the IPv4 address alone."""
    number = int(address)
    for carrier in (f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | number))):
        assert is_public(carrier) == is_public(str(address))
    sixtofour = ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1)
    assert not is_public(str(sixtofour)) or is_public(str(address))

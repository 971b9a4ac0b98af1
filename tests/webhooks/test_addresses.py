"""Which addresses are public, however they are spelled, and what a URL may look like."""

from __future__ import annotations

import pytest

from reactor.egress.addresses import AllowList, EgressRefused, literal_address

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:101::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "not an address",
    "",
]
PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:101:101::1",
]
SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "0",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused(address: str) -> None:
    assert not AllowList().permits("example.com", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not(address: str) -> None:
    assert AllowList().permits("example.com", address)


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_a_private_address_is_registered(host: str) -> None:
    with pytest.raises(
        EgressRefused, match=r"is a private address.*REACTOR_EGRESS_ALLOW|is not one"
    ):
        AllowList().check_url(f"http://{host}/hook")


def test_names_are_no_literal_addresses() -> None:
    for name in ("example.com", "localhost", "1.2.3.4.example.com", "deadbeef", "a..b"):
        assert literal_address(name) is None
        AllowList().check_url(f"http://{name}/")


@pytest.mark.parametrize(
    ("allowed", "host", "address"),
    [
        ("127.0.0.1", "anything", "127.0.0.1"),
        ("127.0.0.1", "anything", "::ffff:127.0.0.1"),
        ("10.0.0.0/8", "a.example", "10.200.0.1"),
        ("10.1.2.3/8", "a.example", "10.200.0.1"),
        ("fd00::/8", "a.example", "fd00::7"),
        ("hooks.internal", "hooks.internal", "192.168.3.4"),
        ("Hooks.Internal", "hooks.internal.", "192.168.3.4"),
    ],
)
def test_what_is_listed_may_be_reached(allowed: str, host: str, address: str) -> None:
    assert AllowList([allowed]).permits(host, address)
    assert not AllowList().permits(host, address)


@pytest.mark.parametrize(
    ("allowed", "host", "address"),
    [
        ("127.0.0.1", "anything", "127.0.0.2"),
        ("10.0.0.0/8", "a.example", "11.0.0.1.example"),
        ("10.0.0.0/8", "a.example", "172.16.0.1"),
        ("hooks.internal", "evil.hooks.internal", "192.168.3.4"),
        ("hooks.internal", "hooks.internal.evil.example", "192.168.3.4"),
    ],
)
def test_what_is_only_similar_may_not(allowed: str, host: str, address: str) -> None:
    assert not AllowList([allowed]).permits(host, address)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://example.com/", "'ftp' is not accepted"),
        ("file:///etc/passwd", "'file' is not accepted"),
        ("gopher://example.com/", "allowed: http, https"),
        ("example.com/hook", "url: without http:// or https:// it is not accepted"),
        ("", "is not accepted"),
        ("http:///hook", "names no host"),
        ("http://example.com:0/", "names no host"),
        ("http://exa mple.com/", "names no host"),
        ("http://[fe80::1%25eth0]/", "names no host"),
        ("http://example.com:99999999/", "names no host or port"),
        ("http://u:hunter2@example.com/", "user name or password"),
        ("http://u@example.com/", "user name or password"),
        ("http://example.com\\@127.0.0.1/", "user name or password"),
        ("http://127.0.0.1\r\nHost: x/", "is not one"),
        ("http://\u2460\u2461\u2466.0.0.1/", "is not one"),
        ("http://\ud800.example/", "is not one"),
        ("http://example.com/" + "a" * 2000, "at most 2000 characters"),
    ],
)
def test_a_url_that_cannot_be_asked_is_refused(url: str, problem: str) -> None:
    with pytest.raises(EgressRefused, match=problem) as refused:
        AllowList().check_url(url)

    assert "hunter2" not in str(refused.value)


def test_a_url_is_kept_as_it_will_be_asked() -> None:
    for given, kept in (
        ("HTTPS://EXAMPLE.com/A?b=c#d", "https://example.com/A?b=c"),
        ("http://m\u00fcnchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://example.com:8080", "http://example.com:8080"),
    ):
        assert str(AllowList().check_url(given)) == kept

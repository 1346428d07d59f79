"""URLs: only what means one thing to everybody, and is safe to ask for, is fetched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.download.failure import SourceFailed
from console.node.download.urls import is_loopback_host, parse_url


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://x.example/a/b?c=d%20e", "https://x.example/a/b?c=d%20e"),
        ("https://X.Example", "https://x.example/"),
        ("https://x.example.:8443/a", "https://x.example:8443/a"),
        ("https://x.example:443/a", "https://x.example/a"),
        ("https://1.1.1.1/a", "https://1.1.1.1/a"),
        ("https://[2606:4700::1111]/a", "https://[2606:4700::1111]/a"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://localhost/x", "http://localhost/x"),
        ("http://bafy.ipfs.localhost:8080/", "http://bafy.ipfs.localhost:8080/"),
        ("HTTPS://x.example/", "https://x.example/"),
    ],
)
def test_plain_urls_are_read(text: str, read: str) -> None:
    assert str(parse_url(text)) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file:///etc/passwd", "only https"),
        ("ftp://x.example/x", "only https"),
        ("data:text/plain,x", "only https"),
        ("git::https://x.example/x", "only https"),
        ("s3::https://x.example/x", "only https"),
        ("//x.example/x", "only https"),
        ("x.example/x", "only https"),
        ("", "only https"),
        ("http://x.example/x", "only https"),
        ("http://169.254.169.254/latest", "only https"),
        ("http://127.0.0.1.nip.example/", "only https"),
        ("http://localhost.example/", "only https"),
        ("https://user@x.example/", "user name"),
        ("https://user:pw@x.example/", "user name"),
        ("https://@x.example/", "user name"),
        ("https://x.example@127.0.0.1/", "user name"),
        ("https://x.example/a#b", "fragment"),
        ("https://x.example/#", "fragment"),
        ("https://x.example#@127.0.0.1/", "fragment"),
        ("https://2852039166/", "not a plain address"),
        ("https://0xA9FEA9FE/", "not a plain address"),
        ("https://0251.0376.0251.0376/", "not a plain address"),
        ("https://127.1/", "not a plain address"),
        ("https://127.0.0.1.1/", "not a plain address"),
        ("https://0x7f.0.0.0x1/", "not a plain address"),
        ("https://x.example.0x1/", "not a plain address"),
        ("https://256.1.1.1/", "not a plain address"),
        ("https://[fe80::1%25eth0]/", "not a plain address"),
        ("https://[::ffff:1.2.3]/", "not a plain address|no URL"),
        ("https://１２７.０.０.１/", "no host|not a plain address|no URL"),
        ("https:///x", "no host"),
        ("https://-x.example/", "no host"),
        ("https://x..example/", "no host"),
        ("https://x.example%2f@y/", "user name"),
        ("https://x%2eexample/", "no host"),
        ("https://x.example\\@127.0.0.1/", "backslashes"),
        ("https://x.example/a b", "blanks"),
        ("https://x.example/a\r\nHost: y", "blanks"),
        ("https://x.example/\x1b[2J", "blanks"),
        ("https://x.example/\u202e", "blanks"),
        ("https://x.example:0/", "port 0"),
        ("https://x.example:99999/", "no URL"),
        ("https://[x/", "no URL"),
        ("https://x.example/" + "a" * 5000, "longer than"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(SourceFailed, match=why):
        parse_url(text)


def test_only_the_text_itself_says_that_it_is_this_machine() -> None:
    assert all(is_loopback_host(host) for host in ("127.0.0.1", "127.3.4.5", "::1", "localhost", "a.localhost"))
    assert not any(is_loopback_host(host) for host in ("localhost.example", "0.0.0.0", "10.0.0.1", "x.example"))


@given(st.text(max_size=60) | st.builds("https://{}".format, st.text(max_size=40)))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        url = parse_url(text)
    except SourceFailed:
        return
    # What was accepted is plain ASCII, and reads the same again.
    assert str(url).isascii()
    assert parse_url(str(url)) == url

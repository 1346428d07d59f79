"""Ports: chosen in range, never twice, kept, and named when somebody else has one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.devnet.ports import FIRST_PORT, LAST_PORT, PortBook, is_free, require_free
from console.errors import DevnetError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of the range on which this process listens."""
    with socket.socket() as server:
        for port in range(LAST_PORT - 1, FIRST_PORT, -1):
            try:
                server.bind(("127.0.0.1", port))
                break
            except OSError:
                continue
        server.listen()
        yield port


def folder(path: Path, name: str) -> Path:
    """A devnet's folder."""
    made = path / name
    made.mkdir()
    return made


def test_ports_are_in_range_distinct_and_never_those_of_another_devnet(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "state")
    first = book.reserve(50, folder(tmp_path, "one"))
    second = PortBook(tmp_path / "state").reserve(50, folder(tmp_path, "two"))
    assert len({*first, *second}) == 100
    assert all(FIRST_PORT <= port < LAST_PORT for port in (*first, *second))


def test_a_reservation_ends_with_its_folder_or_when_it_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.devnet.ports.is_free", lambda port: port < FIRST_PORT + 10)
    book = PortBook(tmp_path / "state")
    one, two = folder(tmp_path, "one"), folder(tmp_path, "two")
    first = book.reserve(10, one)
    with pytest.raises(DevnetError, match="only 0 of the 1 ports"):
        book.reserve(1, two)
    book.give_back(one)
    assert set(book.reserve(10, two)) == set(first)
    two.rmdir()
    assert set(book.reserve(10, one)) == set(first)


def test_a_broken_book_is_begun_anew(tmp_path: Path) -> None:
    state = folder(tmp_path, "state")
    (state / "ports.json").write_text("not json")
    assert len(PortBook(state).reserve(3, folder(tmp_path, "one"))) == 3


def test_a_taken_port_is_not_chosen(tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_free(taken)
    monkeypatch.setattr(
        "console.devnet.ports.is_free", lambda port: port == taken - 1 or (port == taken and is_free(port))
    )
    assert PortBook(tmp_path / "state").reserve(1, folder(tmp_path, "one")) == (taken - 1,)


def test_a_taken_port_is_named_with_its_holder(taken: int) -> None:
    with pytest.raises(DevnetError) as caught:
        require_free({taken: "node2's CometBFT RPC"})
    sentence = str(caught.value)
    assert f"port {taken}, kept for node2's CometBFT RPC, is taken by " in sentence
    assert f"(pid {os.getpid()})" in sentence


def test_connections_that_linger_do_not_take_a_port() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        # The side that closes first keeps the connection in TIME_WAIT.
        accepted.close()
        client.close()
    assert is_free(port)

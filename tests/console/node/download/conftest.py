"""What the tests of downloads share."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def certificate() -> str:
    """Of releases.example, other.example and localhost, signed by itself, in PEM."""
    return (HERE / "server.pem").read_text()


@pytest.fixture
def server_tls() -> ssl.SSLContext:
    """For a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HERE / "server.pem", HERE / "server.key")
    return context

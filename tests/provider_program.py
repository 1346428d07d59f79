"""A provider daemon for tests: a real process that serves its health over HTTPS and does what a test wrote into it."""

from __future__ import annotations

import datetime
import ipaddress
import os
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from console.files import sha256_of
from console.provider_settings import ProviderSettings
from tests.console.devnet.program.network import free_ports

DAEMON = """#!{python} -I
import http.server, os, pathlib, signal, ssl, sys, time
VERSION, SCHEMA, HEALTH, STUBBORN, MIGRATION = {version!r}, {schema!r}, {health!r}, {stubborn!r}, {migration!r}
word = sys.argv[1]
if word == "version":
    print("provider-daemon", VERSION)
elif word == "migrate-config":
    path = pathlib.Path(sys.argv[3])
    if MIGRATION:
        sys.exit(MIGRATION)
    text = path.read_text()
    path.write_text(text.replace("schema: 1", f"schema: {{SCHEMA}}"))
elif word == "serve":
    folder = pathlib.Path(sys.argv[2])
    config = (folder / "config.yaml").read_text()
    if f"schema: {{SCHEMA}}" not in config:
        sys.exit("this version needs schema " + str(SCHEMA))
    signal.signal(signal.SIGTERM, signal.SIG_IGN if STUBBORN else lambda *_: os._exit(0))
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = ('{{"status": "%s", "version": "%s"}}' % ("ok" if HEALTH == 200 else "bad", VERSION)).encode()
            self.send_response(HEALTH)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int((folder / "port").read_text())), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    (folder / "pid").write_text(str(os.getpid()))
    server.serve_forever()
"""

CONTROL = """#!/bin/sh
# start BINARY FOLDER | stop FOLDER | state FOLDER
case "$1" in
  start)
    rm -f "$3/pid"
    setsid "$2" serve "$3" </dev/null >"$3/log" 2>&1 &
    started=$!
    while [ ! -s "$3/pid" ]; do kill -0 $started 2>/dev/null || { tail -1 "$3/log" >&2; exit 1; }; sleep 0.02; done;;
  stop) kill "$(cat "$2/pid")";;
  state) [ -s "$2/pid" ] && kill -0 "$(cat "$2/pid")" 2>/dev/null;;
esac
"""

CONFIG = "# keep this comment\nschema: 1\napi_token: do-not-show\n"


class ProviderProgram:
    """A daemon, its configuration, its certificates and how it is controlled, in one folder.

    Args:
        folder: For all of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.binary = folder / "bin" / "provider-daemon"
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG)
        self.config.chmod(0o640)
        (self.port,) = free_ports(1)
        (folder / "port").write_text(str(self.port))
        self.authority = folder / "ca.pem"
        make_certificates(self.authority, folder / "server.pem")
        self.control = folder / "control"
        self.control.write_text(CONTROL)
        self.control.chmod(0o755)
        self.old = write_daemon(self.binary, "v1.0.0", schema=1)

    def settings(self, **changes: object) -> ProviderSettings:
        """As `[networks.NAME.provider]` would say it."""
        control, folder = str(self.control), str(self.folder)
        given: dict[str, object] = {
            "binary": self.binary,
            "config": self.config,
            "start_command": (control, "start", "{binary}", folder),
            "stop_command": (control, "stop", folder),
            "state_command": (control, "state", folder),
            "stop_deadline_s": 20.0,
            "health_url": f"https://127.0.0.1:{self.port}/health",
            "health_ca": self.authority,
            "migrate_command": ("{binary}", "migrate-config", "--config", "{config}"),
            "allow_scripts": True,
        }
        return ProviderSettings(**(given | changes))  # type: ignore[arg-type]

    @property
    def pid(self) -> int | None:
        """Of the daemon while it runs."""
        with suppress(OSError, ValueError):
            pid = int((self.folder / "pid").read_text())
            os.kill(pid, 0)
            return pid
        return None

    def end(self) -> None:
        """Leave no process behind."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)


def write_daemon(
    path: Path, version: str, *, schema: int = 2, health: int = 200, stubborn: bool = False, migration: str = ""
) -> str:
    """Write a daemon; returns its sha256.

    Args:
        path: The file.
        version: What it says of itself.
        schema: Of the configuration that it wants.
        health: Status with which it answers.
        stubborn: Whether it ignores SIGTERM.
        migration: Why it refuses to migrate a configuration; empty: it does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = DAEMON.format(
        python=sys.executable, version=version, schema=schema, health=health, stubborn=stubborn, migration=migration
    )
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return sha256_of(path)


def make_certificates(authority: Path, server: Path) -> None:
    """An authority of our own, and a certificate of it for 127.0.0.1 with its key, as PEM files."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests' authority")])

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
        )

    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    root = (
        builder(issuer, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")]), key.public_key())
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    authority.write_bytes(root.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    server.write_bytes(private + leaf.public_bytes(pem))

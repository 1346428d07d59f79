"""A registry of images in the network namespace of the test's Docker engine: on its loopback, and on no other."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.console.node.runtime.real_engine import RealEngine

PORT = 5000

_SERVER = """
import http.server, os, sys
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rpartition("/")[2]
        path = os.path.join(sys.argv[1], name)
        known = self.path.rstrip("/") == "/v2" or os.path.isfile(path)
        body = open(path, "rb").read() if known and name not in ("", "v2") else b"{}"
        self.send_response(200 if known else 404)
        manifest = "/manifests/" in self.path
        kind = "application/vnd.docker.distribution.manifest.v2+json" if manifest else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if manifest:
            self.send_header("Docker-Content-Digest", name)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Registry)
print("ready", flush=True)
server.serve_forever()
"""


@dataclass
class ImageRegistry:
    """Serves what is put into its folder under its digest."""

    engine: RealEngine
    folder: Path
    name: str = f"127.0.0.1:{PORT}/fendermint"
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        pid = self.engine.pid
        self._process = subprocess.Popen(
            ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", _SERVER, str(self.folder), str(PORT)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def put(self, program: Path, architecture: str, *variables: str) -> str:
        """Put an image of one program there; returns the 64 hex digits of its digest."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(program, "node")
        layer = gzip.compress(packed.getvalue(), mtime=0)
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Entrypoint": ["/node"], "Cmd": ["serve"], "Env": list(variables)},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}"]},
                "history": [{"created_by": "a test"}],
            }
        ).encode()
        kind = "application/vnd.docker"
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{kind}.distribution.manifest.v2+json",
            "config": {"mediaType": f"{kind}.container.image.v1+json", **self._kept(config)},
            "layers": [{"mediaType": f"{kind}.image.rootfs.diff.tar.gzip", **self._kept(layer)}],
        }
        return str(self._kept(json.dumps(manifest).encode())["digest"]).removeprefix("sha256:")

    def _kept(self, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        (self.folder / digest).write_bytes(content)
        return {"size": len(content), "digest": digest}

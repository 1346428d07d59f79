"""A FIDO token in software for the real ssh-keygen: its library compiled, its arithmetic, and a key that lives in it.

`python -m tests.console.node.release.software_token FILE` is what the library runs to sign.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

from console.node.release.public_key import KeyKind
from console.node.release.wire import Reader, string
from tests.console.node.release.forge import TestKey, token_message

COUNTER = 41
API_VERSIONS = (0x000A0000, 0x00090000, 0x00080000, 0x00070000)
"""OpenSSH takes a library of exactly its own version: 0x000A0000 since 9.0."""
_SOURCE = Path(__file__).with_name("software_token.c")
_ROOT = Path(__file__).parents[4]
_TOUCH_WANTED = 0x01
_ECDSA, _ED25519 = 0, 1


def compiled(folder: Path, version: int) -> Path:
    """The library for one version of OpenSSH's interface. Raises subprocess.CalledProcessError or OSError."""
    library = folder / f"token-{version:x}.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", f"-DAPI_VERSION={version}", "-o", str(library), str(_SOURCE)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return library


def environment(library: Path) -> dict[str, str]:
    """What makes ssh-keygen use the library, and the library this file."""
    return {
        "SSH_SK_PROVIDER": str(library),
        "SSH_AUTH_SOCK": "",
        "SOFTWARE_TOKEN_SIGNER": f"cd {_ROOT} && {sys.executable} -m {__spec__.name}",
    }


def private_file(folder: Path, key: TestKey, *, touch: bool = True) -> Path:
    """A token's key as ssh-keygen keeps it: no secret, but the handle by which the token knows it."""
    public = key.public
    fields = [public.kind.value.encode(), *([] if public.kind.edwards else [b"nistp256"]), public.point]
    fields.append(public.application.encode())
    inner = b"\1\2\3\4" * 2 + b"".join(map(string, fields)) + bytes([_TOUCH_WANTED if touch else 0])
    inner += b"".join(map(string, (key.word.encode(), b"", key.word.encode())))
    inner += bytes(range(1, 1 + -len(inner) % 8))
    outer = b"openssh-key-v1\0" + b"".join(map(string, (b"none", b"none", b""))) + b"\0\0\0\1"
    text = base64.encodebytes(outer + string(public.blob) + string(inner))
    path = folder / key.word
    path.touch(mode=0o600)
    path.write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + text + b"-----END OPENSSH PRIVATE KEY-----\n")
    path.with_name(f"{key.word}.pub").write_text(f"{public.text} {key.word}\n")
    return path


def main(path: Path) -> None:
    """Sign what the library asks: lines of algorithm, flags, counter, application, handle and data."""
    algorithm, flags, counter, application, handle, data = path.read_text().splitlines()
    kind = {_ECDSA: KeyKind.SK_ECDSA, _ED25519: KeyKind.SK_ED25519}[int(algorithm)]
    key = TestKey(bytes.fromhex(handle).decode(), kind, application)
    body = key.sign(token_message(application, int(flags), int(counter), bytes.fromhex(data)))
    if kind.edwards:
        lines = [body, b""]
    else:
        reader = Reader(body)
        lines = [reader.positive().to_bytes(32, "big"), reader.positive().to_bytes(32, "big")]
    os.write(1, b"".join(line.hex().encode() + b"\n" for line in lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

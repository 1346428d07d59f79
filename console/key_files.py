"""The files that hold a key, as the signer process reads them: by content, never written (facts/ipc.md §5).

Three forms: one raw key in hex, a Web3 JSON keystore of version 3, and ipc-cli's `evm_keystore.json`. Only
`console.signer` imports this: no other process ever sees what is in such a file.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from console import strict_json
from console.private_file import Refused, read_small_file

DEFAULT_KEY = "default-key"
"""The entry of `evm_keystore.json` that repeats ipc-cli's default account."""

MAX_KEY_FILE = 1 << 20
"""Bytes of a file of keys."""

MAX_KEYS = 10_000
"""Entries of an `evm_keystore.json`."""

MAX_SCRYPT_BYTES = 1 << 30
"""Memory that a keystore may ask for: four times that of geth's standard setting."""

MAX_PBKDF2_ROUNDS = 20_000_000

_RAW = re.compile(rb"\s*0x([0-9a-fA-F]{64})\s*")
_MAX_RAW = 4096
_ADDRESS = re.compile(r"(?:0x)?([0-9a-fA-F]{40})", re.ASCII)
_SECRET = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){1,1024}", re.ASCII)
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class WrongPassphrase(Refused):
    """The keystore does not open with this passphrase."""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """What a file holds, before it is used."""

    kind: str
    """`raw`, `keystore` or `ipc-cli`."""
    shown: str
    """The path as a message shows it."""
    secret: bytes = field(repr=False)
    """32 bytes; empty for a keystore, which is still closed."""
    keystore: Mapping[str, Any] | None
    """Checked content of a keystore; None for the others."""
    address: str
    """Of the key, in 40 lower-case hex digits, where the file says it or the key is there; else empty."""
    warnings: tuple[str, ...] = ()


def find_key(path: str, wanted: str = "") -> FoundKey:
    """Read a file of keys and choose the key.

    Args:
        path: Not a symbolic link.
        wanted: The address that must be the key's, 0x and 40 hex digits, or `default-key`; empty for any.

    Raises:
        Refused: Not there, not ours, open to others, of no known form, or without the wanted key.
    """
    content, mode, shown = _read(path)
    first = content.lstrip()[:1]
    if first == b"[":
        found = _from_ipc_cli(content, mode, shown, wanted)
    elif first == b"{" and _is_keystore(content):
        found = _from_keystore(content, mode, shown)
    else:
        found = _from_raw(content, mode, shown)
    digits = wanted[2:].lower() if wanted.startswith("0x") else ""
    if wanted == DEFAULT_KEY and found.kind != "ipc-cli":
        raise Refused(f"the key file {shown} is not ipc-cli's: only that has a `{DEFAULT_KEY}`")
    if digits and found.address and found.address != digits:
        raise Refused(f"the key in {shown} is that of 0x{found.address}, not of the 0x{digits} of the settings")
    return found


def open_keystore(found: FoundKey, passphrase: bytes) -> bytes:
    """Decrypt a keystore.

    Returns:
        32 bytes.

    Raises:
        WrongPassphrase: It does not open with it.
        Refused: It opens, and holds no key, or another than it says.
    """
    assert found.keystore is not None
    # Imported here: an address is asked for more often than a keystore is opened.
    from eth_keyfile.keyfile import decode_keyfile_json

    try:
        secret = decode_keyfile_json(cast("dict[Any, Any]", found.keystore), passphrase)
    except ValueError:
        # Everything but the passphrase was checked when the file was read.
        raise WrongPassphrase(f"the passphrase does not open the keystore {found.shown}") from None
    _check_secret(secret, f"the keystore {found.shown} does not hold a secp256k1 key")
    if found.address and address_of(secret) != found.address:
        raise Refused(f"the keystore {found.shown} says that it is of 0x{found.address}, and holds another key")
    return secret


def address_of(secret: bytes) -> str:
    """Address of a key, 40 lower-case hex digits."""
    from coincurve import PrivateKey

    from console.chain.address import ethereum_address

    return ethereum_address(PrivateKey(secret).public_key.format(compressed=False))[2:].lower()


def _read(path: str) -> tuple[bytes, int, str]:
    content, found, shown = read_small_file(path, "key file", MAX_KEY_FILE)
    if found.st_uid != os.geteuid():
        raise Refused(f"the key file {shown} belongs to another user")
    if len(content) > MAX_KEY_FILE:
        raise Refused(f"the key file {shown} is longer than {MAX_KEY_FILE} bytes")
    return content, stat.S_IMODE(found.st_mode), shown


def _from_raw(content: bytes, mode: int, shown: str) -> FoundKey:
    if mode != 0o600:
        raise Refused(f"the key file {shown} has mode {mode:04o}: run `chmod 600` on it")
    match = _RAW.fullmatch(content) if len(content) <= _MAX_RAW else None
    if match is None:
        raise Refused(f"the key file {shown} does not hold 0x and 64 hex digits, a keystore or ipc-cli's list of keys")
    secret = bytes.fromhex(match[1].decode())
    _check_secret(secret, f"the key file {shown} does not hold a secp256k1 key")
    return FoundKey("raw", shown, secret, None, address_of(secret))


def _from_ipc_cli(content: bytes, mode: int, shown: str, wanted: str) -> FoundKey:
    _refuse_writable(mode, shown)
    keys: dict[str, bytes] = {}
    for entry in _entries(content, shown):
        name, secret = _entry(entry, shown)
        if name in keys and keys[name] != secret:
            raise Refused(f"the key file {shown} holds two keys of one name")
        keys[name] = secret
    name = wanted[2:].lower() if wanted.startswith("0x") else wanted
    distinct = sorted({address_of(secret) for secret in keys.values()})
    if not name and len(distinct) == 1:
        secret = next(iter(keys.values()))
    elif not name:
        raise Refused(
            f"the key file {shown} holds {len(distinct)} keys: name one in the settings,"
            f' as {{ path = "…", address = "0x…" }} or with address = "{DEFAULT_KEY}"'
        )
    elif name in keys:
        secret = keys[name]
    else:
        of_default = keys.get(DEFAULT_KEY)
        if of_default is None or address_of(of_default) != name:
            raise Refused(f"the key file {shown} holds no key of {'0x' + name if name != DEFAULT_KEY else name}")
        secret = of_default
    warnings = [f"the keys in {shown} are in plain text: whoever reads the file has them"]
    if mode & 0o077:
        warnings.append(f"{shown} has mode {mode:04o}: other users of this machine can read its keys")
    return FoundKey("ipc-cli", shown, secret, None, address_of(secret), tuple(warnings))


def _entries(content: bytes, shown: str) -> list[Any]:
    try:
        value = strict_json.loads(content, max_depth=4)
    except strict_json.NotStrictJson as error:
        raise Refused(f"the key file {shown} holds {error}") from None
    if not isinstance(value, list) or not 0 < len(value) <= MAX_KEYS:
        raise Refused(f"the key file {shown} is not ipc-cli's list of 1 to {MAX_KEYS} keys")
    return value


def _entry(entry: object, shown: str) -> tuple[str, bytes]:
    """Name (40 lower-case hex digits, or `default-key`) and key of one entry of ipc-cli's file."""
    name = entry.get("address") if isinstance(entry, dict) else None
    digits = entry.get("private_key") if isinstance(entry, dict) else None
    address = _ADDRESS.fullmatch(name) if isinstance(name, str) else None
    secret_digits = _SECRET.fullmatch(digits) if isinstance(digits, str) else None
    if (address is None and name != DEFAULT_KEY) or secret_digits is None:
        raise Refused(f"the key file {shown} holds an entry without an address and a key of 64 hex digits")
    secret = bytes.fromhex(secret_digits[1])
    _check_secret(secret, f"the key file {shown} holds an entry that is no secp256k1 key")
    if address is None:
        return DEFAULT_KEY, secret
    if address_of(secret) != address[1].lower():
        # Whoever chooses by address must not sign with another key.
        raise Refused(f"the key file {shown} holds a key under an address that is not the key's")
    return address[1].lower(), secret


def _is_keystore(content: bytes) -> bool:
    try:
        value = strict_json.loads(content, max_depth=8)
    except strict_json.NotStrictJson:
        return False
    return isinstance(value, dict) and any(key.lower() in {"crypto", "version"} for key in value)


def _from_keystore(content: bytes, mode: int, shown: str) -> FoundKey:
    _refuse_writable(mode, shown)
    value = cast("dict[str, Any]", strict_json.loads(content, max_depth=8))
    fields = {key.lower(): item for key, item in value.items()}
    if len(fields) != len(value):
        raise Refused(f"the keystore {shown} holds a key twice")
    version = fields.get("version")
    if version != 3 or isinstance(version, bool):
        raise Refused(f"the keystore {shown} is not of version 3, the only one that is read")
    crypto = fields.get("crypto")
    if not isinstance(crypto, dict) or not _is_crypto(crypto):
        raise Refused(
            f"the keystore {shown} is not one of scrypt or pbkdf2 with aes-128-ctr, within"
            f" {MAX_SCRYPT_BYTES >> 20} MiB of memory"
        )
    address = "" if fields.get("address") is None else fields["address"]
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if match is None and address != "":
        raise Refused(f"the keystore {shown} names an address that is none")
    warnings = (f"{shown} has mode {mode:04o}: run `chmod 600` on it",) if mode & 0o077 else ()
    checked = {"version": 3, "crypto": {key: crypto[key] for key in _CRYPTO}}
    return FoundKey("keystore", shown, b"", checked, match[1].lower() if match else "", warnings)


_CRYPTO = ("cipher", "cipherparams", "ciphertext", "kdf", "kdfparams", "mac")


def _is_crypto(crypto: Mapping[str, Any]) -> bool:
    """Whether this can be opened at all: afterwards only the passphrase can be wrong."""
    parameters, cipher = crypto.get("kdfparams"), crypto.get("cipherparams")
    if not isinstance(parameters, dict) or not isinstance(cipher, dict) or crypto.get("cipher") != "aes-128-ctr":
        return False
    mac = crypto.get("mac")
    if not isinstance(mac, str) or len(mac) != 64 or not _is_hex(mac):
        return False
    if not all(_is_hex(text) for text in (cipher.get("iv"), crypto.get("ciphertext"), parameters.get("salt"))):
        return False
    if len(cipher["iv"]) > 32 or parameters.get("dklen") != 32:
        return False
    if crypto.get("kdf") == "pbkdf2":
        return parameters.get("prf") == "hmac-sha256" and _between(parameters.get("c"), 1, MAX_PBKDF2_ROUNDS)
    if crypto.get("kdf") != "scrypt":
        return False
    n, r, p = (cast("int", parameters.get(name)) for name in ("n", "r", "p"))
    if not (_between(n, 2, 1 << 30) and _between(r, 1, 1024) and _between(p, 1, 16)):
        return False
    power_of_two = n & (n - 1) == 0
    return power_of_two and 128 * n * r <= MAX_SCRYPT_BYTES


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _between(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _refuse_writable(mode: int, shown: str) -> None:
    if mode & 0o022:
        raise Refused(f"the key file {shown} has mode {mode:04o}: others could put their own key there")


def _check_secret(secret: bytes, sentence: str) -> None:
    if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < _CURVE_ORDER:
        raise Refused(sentence)

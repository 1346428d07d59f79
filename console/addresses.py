"""Addresses as they are written: Ethereum's with checksum, Filecoin's f0 and f410, and subnet ids (facts/ipc.md §3.5).

What a validator's key has to do with them is in `console.chain.address`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from console.errors import InputError
from console.text import untrusted

ZERO_ADDRESS = "0x" + "0" * 40
"""What contracts say for "nobody"."""

EAM_NAMESPACE = 10
"""The delegated namespace of Ethereum-like addresses: the 10 of f410."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_F4 = re.compile(r"([ft])4([0-9]{1,20})f([a-z2-7]{1,120})", re.ASCII)
_F0 = re.compile(r"([ft])0(0|[1-9][0-9]{0,19})", re.ASCII)
_SUBNET = re.compile(r"/r([1-9][0-9]{0,19})((?:/[a-z0-9]{2,130})*)", re.ASCII)
_COMET = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
_OTHER_FILECOIN = re.compile(r"[ft]([123])[a-z2-7]{8,120}", re.ASCII)
_FILECOIN_KINDS = {
    "1": "the address of a secp256k1 account of Filecoin",
    "2": "the address of an actor by a hash",
    "3": "the address of a BLS account of Filecoin",
}
_BECH32 = re.compile(r"[a-z]{2,20}1[02-9ac-hj-np-z]{38,58}", re.ASCII)
_ID_MASK = b"\xff" + b"\x00" * 11
_UINT64_MAX = (1 << 64) - 1


def keccak(data: bytes) -> bytes:
    """Keccak-256, Ethereum's hash."""
    # Imported late: a console that only shows a height needs no hash.
    from Crypto.Hash import keccak as module

    return module.new(data=data, digest_bits=256).digest()


@lru_cache(maxsize=4096)
def checksummed(address: str | bytes) -> str:
    """The address in EIP-55 spelling.

    Args:
        address: 20 bytes, or 0x and 40 hex digits in any case.

    Raises:
        InputError: It is neither.
    """
    if isinstance(address, bytes):
        if len(address) != 20:
            raise InputError(f"an address has 20 bytes, not {len(address)}")
        digits = address.hex()
    elif _ADDRESS.fullmatch(address):
        digits = address[2:].lower()
    else:
        raise InputError(f"{untrusted(address, 60)!r} is not an address of 0x and 40 hex digits")
    hashed = keccak(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(h, 16) >= 8 else d for d, h in zip(digits, hashed, strict=False))


def checked_address(text: str) -> str:
    """Read an address that a person typed: a mixed-case spelling must be the checksummed one.

    Raises:
        InputError: Not an address, or a checksum that shows a typing mistake.
    """
    address = checksummed(text)
    digits = text[2:]
    if digits not in {digits.lower(), digits.upper()} and text != address:
        raise InputError(f"the address {text} has a wrong checksum", next_step="copy it again")
    return address


def f410_to_ethereum(text: str, *, prefix: str | None = None) -> str:
    """Ethereum address of an f410 or t410 address.

    Args:
        text: `f410f…` or `t410f…`, lower case.
        prefix: `f` or `t` when only that network's spelling is right; the prefix is not in the checksum, but
            ipc-cli and fendermint refuse the wrong one.

    Raises:
        InputError: Wrong spelling, network, namespace, length or checksum, or the masked form of an id, which has
            to be written as f0.
    """
    return checksummed(_f410_payload(text, prefix))


def _f410_payload(text: str, prefix: str | None) -> bytes:
    match = _F4.fullmatch(text)
    shown = untrusted(text, 60)
    if match is None:
        raise InputError(f"{shown!r} is not an f410 or t410 address")
    _check_prefix(match[1], prefix, text)
    if match[2] != str(EAM_NAMESPACE):
        raise InputError(f"{shown!r} is in namespace {match[2]}, not in {EAM_NAMESPACE}")
    digits = match[3].upper()
    try:
        raw = base64.b32decode(digits + "=" * (-len(digits) % 8))
    except (binascii.Error, ValueError):
        raise InputError(f"{shown!r} is not base32") from None
    # Spare bits that are not zero would give one address several spellings.
    if base64.b32encode(raw).rstrip(b"=").decode() != digits or len(raw) != 24:
        raise InputError(f"{shown!r} does not hold 20 bytes and a checksum")
    payload, checksum = raw[:20], raw[20:]
    if checksum != _f410_checksum(payload):
        raise InputError(f"{shown!r} has a wrong checksum", next_step="copy the address again")
    if payload.startswith(_ID_MASK):
        raise InputError(f"{shown!r} is the masked form of an id: write it as {match[1]}0…")
    return payload


def ethereum_to_f410(address: str, *, prefix: str = "f") -> str:
    """The f410 (`prefix` f) or t410 (t) spelling of an Ethereum address; a masked id becomes f0.

    Raises:
        InputError: Not an address, or another prefix.
    """
    if prefix not in {"f", "t"}:
        raise InputError(f"Filecoin addresses begin with f or t, not with {untrusted(prefix, 8)!r}")
    payload = bytes.fromhex(checksummed(address)[2:])
    if payload.startswith(_ID_MASK):
        return f"{prefix}0{int.from_bytes(payload[12:], 'big')}"
    coded = base64.b32encode(payload + _f410_checksum(payload)).rstrip(b"=").decode().lower()
    return f"{prefix}4{EAM_NAMESPACE}f{coded}"


def f0_to_ethereum(text: str) -> str:
    """Masked Ethereum form of an id address: 0xff, eleven zero bytes, the id in eight.

    Raises:
        InputError: Not `f0` or `t0` and a decimal number below 2^64 without leading zeros.
    """
    return checksummed(_f0_payload(text))


def _f0_payload(text: str) -> bytes:
    match = _F0.fullmatch(text)
    if match is None or int(match[2]) > _UINT64_MAX:
        raise InputError(f"{untrusted(text, 60)!r} is not an f0 or t0 address")
    return _ID_MASK + int(match[2]).to_bytes(8, "big")


def actor_id(address: str) -> int | None:
    """The id in a masked Ethereum address, None when it is not one. Raises InputError when it is no address."""
    payload = bytes.fromhex(checksummed(address)[2:])
    return int.from_bytes(payload[12:], "big") if payload.startswith(_ID_MASK) else None


def read_address(text: str, *, prefix: str | None = None) -> str:
    """Read an address that a person typed or a file holds: 0x and 40 hex digits, f410 or t410, f0 or t0.

    Args:
        text: The address, nothing before or after it.
        prefix: `f` or `t` where only that network's spelling is right.

    Returns:
        The checksummed Ethereum address.

    Raises:
        InputError: A wrong checksum, another network, or a form that leads to no Ethereum address; says which.
    """
    if text[:2] in {"0x", "0X"}:
        return checked_address(text)
    return checksummed(read_unhashed(text, prefix=prefix))


def read_unhashed(text: str, *, prefix: str | None = None) -> bytes:
    """The 20 bytes of an address, read as `read_address` does but for the checksum of a 0x address.

    That one is the only one that needs keccak, whose import takes a tenth of a second: too long for the settings,
    which the console's first frame waits for. Raises InputError.
    """
    if _ADDRESS.fullmatch(text):
        return bytes.fromhex(text[2:])
    if text[:2] in {"0x", "0X"}:
        raise InputError(f"{str(untrusted(text, 60))!r} is not an address of 0x and 40 hex digits")
    if match := _F0.fullmatch(text):
        _check_prefix(match[1], prefix, text)
        return _f0_payload(text)
    if _F4.fullmatch(text):
        return _f410_payload(text, prefix)
    shown = repr(untrusted(text, 60))
    if _F4.fullmatch(text.lower()):
        raise InputError(f"{shown} has capital letters: f410 and t410 addresses are written in small ones")
    if _COMET.fullmatch(text):
        raise InputError(
            f"{shown} is 40 hex digits without 0x: a CometBFT address, which is a hash and leads back to no key,"
            " or an Ethereum address that lost its 0x",
            next_step="give the validator's public key, or put 0x before it",
        )
    if match := _OTHER_FILECOIN.fullmatch(text):
        raise InputError(f"{shown} is {_FILECOIN_KINDS[match[1]]}, which has no Ethereum address")
    if _BECH32.fullmatch(text):
        raise InputError(f"{shown} is an address of a Cosmos chain, which has no Ethereum address that it tells")
    raise InputError(
        f"{shown} is not an address",
        next_step="give 0x and 40 hex digits, f410…, t410…, f0…, a subnet id, or a secp256k1 public key",
    )


@dataclass(frozen=True, slots=True)
class SubnetId:
    """`/r<root chain id>(/<address>)*`: the way from the root chain down to a subnet."""

    root: int
    """Chain id of the root."""
    route: tuple[str, ...]
    """Checksummed Ethereum addresses of the subnet actors; the last one is the subnet's own. Empty for the root."""

    @property
    def actor(self) -> str | None:
        """The subnet's actor on its parent, None for a root."""
        return self.route[-1] if self.route else None

    @property
    def parent(self) -> SubnetId | None:
        """The network that holds the subnet's actor, None for a root."""
        return SubnetId(self.root, self.route[:-1]) if self.route else None

    def spelled(self, prefix: str) -> str:
        """The id as text, its addresses with the prefix f or t."""
        return "/".join((f"/r{self.root}", *(ethereum_to_f410(address, prefix=prefix) for address in self.route)))


def parse_subnet_id(text: str) -> SubnetId:
    """Read a subnet id.

    Raises:
        InputError: It is not one, or one of its addresses is wrong.
    """
    match = _SUBNET.fullmatch(text)
    if match is None or int(match[1]) > _UINT64_MAX:
        raise InputError(f"{untrusted(text, 80)!r} is not a subnet id such as /r314159/t410f…")
    parts = match[2].split("/")[1:]
    return SubnetId(int(match[1]), tuple(f0_to_ethereum(p) if _F0.fullmatch(p) else f410_to_ethereum(p) for p in parts))


def prefix_of(chain_id: str) -> str | None:
    """The letter that a network's addresses begin with, by its chain id; None where that does not tell.

    Args:
        chain_id: CometBFT's; of an IPC subnet it is the subnet id.
    """
    if match := re.match(r"/r[1-9][0-9]{0,19}/([ft])[04]", chain_id, re.ASCII):
        return match[1]
    return "f" if chain_id == "/r314" else None


def _check_prefix(letter: str, prefix: str | None, text: str) -> None:
    if prefix is not None and letter != prefix:
        raise InputError(f"{str(untrusted(text, 60))!r} belongs to another network: addresses begin with {prefix} here")


def _f410_checksum(payload: bytes) -> bytes:
    # The namespace is LEB128; 10 is one byte.
    return hashlib.blake2b(bytes((4, EAM_NAMESPACE)) + payload, digest_size=4).digest()

"""The process that sees a key, once: `python -m console.signer` (DESIGN §1, facts/safety.md §6).

One JSON object per line on stdin, one on stdout, then it ends, because ending is the only way to erase a key in
CPython. The key's path comes in the request and the key itself from its file: never in arguments, environment,
output or messages.

    {"key": {"path": "/…/node1-operator.key"}, "transaction": {…}}  ->  {"raw": "0x…", "hash": "0x…", "from": "0x…"}
    {"key": {"path": "/…/node1-operator.key"}, "statement": {…}}    ->  {"signature": "0x…", "from": "0x…"}
    {"key": {"path": "/…/node1-operator.key"}}                      ->  {"from": "0x…"}
    anything that is refused                                        ->  {"error": "one sentence"}, exit code 1

A statement is `{"text": …, "from": "0x…"}`, `from` being optional; only the canonical texts of `console.node.abort`
are signed, as personal messages (EIP-191), so that no signature of this kind can mean anything else.

With the argument `address` it does not prepare for signing and answers requests of the last form only.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from typing import Any

MAX_REQUEST = 256 * 1024
"""Characters of the request line."""

_MAX_KEY_FILE = 4096
_KEY = re.compile(rb"\s*0x([0-9a-fA-F]{64})\s*")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_PR_SET_DUMPABLE = 4

_COMMON = {"chainId", "nonce", "to", "value", "data", "gas"}
_LEGACY = _COMMON | {"gasPrice"}
_DYNAMIC = _COMMON | {"type", "maxFeePerGas", "maxPriorityFeePerGas"}


class Refused(Exception):
    """The request is refused; the message is one sentence without any part of a key."""


def main(arguments: list[str]) -> int:
    """Answer one request.

    Args:
        arguments: Empty to sign, or `address`.

    Returns:
        The exit code: 0 answered, 1 refused.
    """
    _harden()
    signing = arguments != ["address"]
    if signing:
        # Half a second of import that overlaps with the caller's reading of nonce and fees.
        import eth_account  # noqa: F401
    answer: dict[str, str]
    try:
        answer = _answer(sys.stdin.readline(MAX_REQUEST + 1), signing=signing)
    except Refused as refused:
        answer = {"error": str(refused)}
    except Exception as error:
        # Only the kind: a library's message may quote the value that it choked on.
        answer = {"error": f"the signer failed on an internal error ({type(error).__name__})"}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    return 1 if "error" in answer else 0


def _harden() -> None:
    import resource

    # Not only no core: nobody of the same user may attach or read the memory through /proc.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise SystemExit("the signer cannot make itself undumpable")


def _answer(line: str, *, signing: bool) -> dict[str, str]:
    if not line.endswith("\n"):
        raise Refused("the request is not one line of JSON of acceptable length")
    try:
        request = json.loads(line)
    except ValueError:
        raise Refused("the request is not JSON") from None
    key = request.get("key") if isinstance(request, dict) else None
    path = key.get("path") if isinstance(key, dict) else None
    if not isinstance(path, str) or not path or not set(request) <= {"key", "transaction", "statement"}:
        raise Refused("the request does not name a key file")
    transaction, statement = request.get("transaction"), request.get("statement")
    if transaction is None and statement is None:
        return {"from": _address(_read_key(path))}
    if not signing:
        raise Refused("this signer was started for an address only")
    # Everything that can be refused without the key is refused before it is read.
    if statement is not None:
        if transaction is not None:
            raise Refused("the request holds a transaction and a statement")
        text, sender = _checked_statement(statement)
        return _sign_statement(_read_key(path), text, sender)
    fields, sender = _checked(transaction)
    return _sign(_read_key(path), fields, sender)


def _read_key(path: str) -> bytes:
    shown = ascii(path)
    try:
        # Not blocking: a fifo in the key's place must not hold the signer up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Refused(f"there is no key file {shown}") from None
    except OSError as error:
        link = " (it is a symbolic link)" if os.path.islink(path) else ""
        raise Refused(f"cannot open the key file {shown}: {os.strerror(error.errno or 0)}{link}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"the key file {shown} is not a regular file")
        if found.st_uid != os.geteuid():
            raise Refused(f"the key file {shown} belongs to another user")
        mode = stat.S_IMODE(found.st_mode)
        if mode != 0o600:
            raise Refused(f"the key file {shown} has mode {mode:04o}: run `chmod 600` on it")
        content = os.read(descriptor, _MAX_KEY_FILE + 1)
    finally:
        os.close(descriptor)
    match = _KEY.fullmatch(content)
    if match is None or len(content) > _MAX_KEY_FILE:
        raise Refused(f"the key file {shown} does not hold 0x and 64 hex digits")
    secret = bytes.fromhex(match[1].decode())
    if not 0 < int.from_bytes(secret, "big") < _CURVE_ORDER:
        raise Refused(f"the key file {shown} does not hold a secp256k1 key")
    return secret


def _address(secret: bytes) -> str:
    from coincurve import PrivateKey

    from console.chain.address import ethereum_address

    return ethereum_address(PrivateKey(secret).public_key.format(compressed=False))


def _checked(transaction: object) -> tuple[dict[str, Any], str | None]:
    if not isinstance(transaction, dict):
        raise Refused("the transaction is not an object")
    fields: dict[str, Any] = dict(transaction)
    sender = fields.pop("from", None)
    _check_sender(sender, "transaction")
    if set(fields) not in (_LEGACY, _DYNAMIC):
        raise Refused("the transaction has not exactly the fields of a legacy or an EIP-1559 transaction")
    for name in sorted(set(fields) - {"to", "data"}):
        value = fields[name]
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 256:
            raise Refused(f"`{name}` of the transaction is not a whole number in range")
    if fields["chainId"] == 0:
        # Without a chain id the signature would count on every chain.
        raise Refused("the transaction names no chain")
    if fields.get("type", 2) != 2:
        raise Refused("only legacy and EIP-1559 transactions are signed")
    # A creation is never signed here, so a missing target is a mistake.
    if not isinstance(fields["to"], str) or not _ADDRESS.fullmatch(fields["to"]):
        raise Refused("`to` of the transaction is not an address")
    if not isinstance(fields["data"], str) or not _DATA.fullmatch(fields["data"]):
        raise Refused("`data` of the transaction is not 0x and hex digits")
    return fields, sender


def _check_sender(sender: object, what: str) -> None:
    if sender is not None and (not isinstance(sender, str) or not _ADDRESS.fullmatch(sender)):
        raise Refused(f"`from` of the {what} is not an address")


def _checked_statement(statement: object) -> tuple[str, str | None]:
    from console.node.abort import StatementError, parse_text

    if not isinstance(statement, dict) or not {"text"} <= set(statement) <= {"text", "from"}:
        raise Refused("the statement has not exactly the fields of a statement")
    text, sender = statement["text"], statement.get("from")
    _check_sender(sender, "statement")
    try:
        # What reads back as the same text can be nothing else than an abort of one plan.
        if not isinstance(text, str) or parse_text(text).text() != text:
            raise Refused("only the text of an abort statement is signed")
    except StatementError:
        raise Refused("only the text of an abort statement is signed") from None
    return text, sender


def _sign_statement(secret: bytes, text: str, sender: str | None) -> dict[str, str]:
    from eth_account import Account
    from eth_account.messages import encode_defunct

    address = _own_address(secret, sender)
    signed = Account.sign_message(encode_defunct(text=text), secret)
    return {"signature": "0x" + bytes(signed.signature).hex(), "from": address}


def _own_address(secret: bytes, sender: str | None) -> str:
    address = _address(secret)
    if sender is not None and sender.lower() != address.lower():
        raise Refused(f"the key is that of {address}, not of {sender}")
    return address


def _sign(secret: bytes, fields: dict[str, Any], sender: str | None) -> dict[str, str]:
    from eth_account import Account

    from console.addresses import checksummed

    address = _own_address(secret, sender)
    signed = Account.sign_transaction({**fields, "to": checksummed(fields["to"])}, secret)
    return {
        "raw": "0x" + bytes(signed.raw_transaction).hex(),
        "hash": "0x" + bytes(signed.hash).hex(),
        "from": address,
    }


if __name__ == "__main__":
    # Only the kind of a crash: a traceback or a message may quote a value.
    sys.excepthook = lambda kind, _value, _trace: print(kind.__name__, file=sys.stderr)  # noqa: T201
    raise SystemExit(main(sys.argv[1:]))

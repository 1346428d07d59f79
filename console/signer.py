"""The process that sees a key, once: `python -m console.signer` (DESIGN §1, facts/safety.md §6).

One JSON object per line on stdin, one on stdout, then it ends, because ending is the only way to erase a key in
CPython. The key's path comes in the request and the key itself from its file: never in arguments, environment,
output or messages.

    {"key": {…}, "transaction": {…}}  ->  {"raw": "0x…", "hash": "0x…", "from": "0x…"}
    {"key": {…}, "statement": {…}}    ->  {"signature": "0x…", "from": "0x…"}
    {"key": {…}, "typed": {…}}        ->  {"signature": "0x…", "from": "0x…"}
    {"key": {…}}                      ->  {"from": "0x…", "kind": "…", "warnings": […]}
    anything that is refused          ->  {"error": "one sentence"}, exit code 1

A key is `{"path": …}`, with `"address"` where the file holds several or does not say it, and for a keystore that is
opened unattended `"passphrase": {"path": …, "credential": true or false}`. Where a person has to type the passphrase,
`{"ask": "passphrase"}` is said first and `{"go": true}` awaited, so that the console can leave the terminal to us.

A statement is `{"text": …, "from": "0x…"}`, `from` being optional; only the canonical texts of `console.node.abort`
are signed, as personal messages (EIP-191), so that no signature of this kind can mean anything else. Typed data is a
vote or a readiness, built here from `console.chain.typed_data`: nothing else can be meant by such a signature.

With the argument `address` it does not prepare for signing and answers requests of the last form only. It then opens
no keystore: the address is the one that it says.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from console.key_files import DEFAULT_KEY, FoundKey, address_of, find_key, open_keystore
from console.private_file import Refused

__all__ = ["MAX_REQUEST", "Refused", "answered", "main"]

MAX_REQUEST = 256 * 1024
"""Characters of the request line."""

CREATE = "create"
"""`to` of a transaction that creates a contract."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_MAX_GO = 1024
_PR_SET_DUMPABLE = 4

_COMMON = {"chainId", "nonce", "to", "value", "data", "gas"}
_LEGACY = _COMMON | {"gasPrice"}
_DYNAMIC = _COMMON | {"type", "maxFeePerGas", "maxPriorityFeePerGas"}


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
    answer = answered(sys.stdin.readline(MAX_REQUEST + 1), signing=signing)
    _say(answer)
    return 1 if "error" in answer else 0


def answered(line: str, *, signing: bool) -> dict[str, Any]:
    """The answer to one request.

    Args:
        line: The request, with the end of its line.
        signing: Whether more than an address may be asked for.
    """
    try:
        return _answer(line, signing=signing)
    except Refused as refused:
        return {"error": str(refused)}
    except Exception as error:
        # Only the kind: a library's message may quote the value that it choked on.
        return {"error": f"the signer failed on an internal error ({type(error).__name__})"}


def _harden() -> None:
    import resource

    # Not only no core: nobody of the same user may attach or read the memory through /proc.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise SystemExit("the signer cannot make itself undumpable")


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _answer(line: str, *, signing: bool) -> dict[str, Any]:
    if not line.endswith("\n"):
        raise Refused("the request is not one line of JSON of acceptable length")
    try:
        request = json.loads(line)
    except ValueError:
        raise Refused("the request is not JSON") from None
    key = _checked_key(request.get("key") if isinstance(request, dict) else None)
    if not set(request) <= {"key", *_WHATS}:
        raise Refused("the request holds more than a key and what to sign")
    asked = [what for what in _WHATS if request.get(what) is not None]
    if not asked:
        found = find_key(key["path"], key.get("address", ""))
        return {"from": _said_address(found, key), "kind": found.kind, "warnings": list(found.warnings)}
    if not signing:
        raise Refused("this signer was started for an address only")
    if len(asked) > 1:
        raise Refused(f"the request holds a {asked[0]} and a {asked[1]}")
    # Everything that can be refused without the key is refused before it is read.
    if asked[0] == "statement":
        text, sender = _checked_statement(request["statement"])
        return _sign_statement(_secret(key, "the text of an abort statement:\n" + text), text, sender)
    if asked[0] == "typed":
        message = _checked_typed(request["typed"])
        return _sign_typed(_secret(key, _described_typed(message)), message)
    fields, sender = _checked(request["transaction"])
    return _sign(_secret(key, _described(fields)), fields, sender)


_WHATS = ("transaction", "statement", "typed")


def _checked_key(key: object) -> dict[str, Any]:
    path = key.get("path") if isinstance(key, dict) else None
    if not isinstance(key, dict) or not isinstance(path, str) or not path:
        raise Refused("the request does not name a key file")
    address, passphrase = key.get("address", ""), key.get("passphrase")
    named = address in {"", DEFAULT_KEY} or (isinstance(address, str) and _ADDRESS.fullmatch(address))
    if not set(key) <= {"path", "address", "passphrase"} or not named:
        raise Refused("the request names no key in the key file")
    if passphrase is not None and not (
        isinstance(passphrase, dict)
        and set(passphrase) == {"path", "credential"}
        and isinstance(passphrase["path"], str)
        and isinstance(passphrase["credential"], bool)
    ):
        raise Refused("the request does not name the file of a passphrase")
    return key


def _said_address(found: FoundKey, key: dict[str, Any]) -> str:
    from console.chain.address import checksummed

    address = key.get("address", "")
    if not found.address and not address.startswith("0x"):
        raise Refused(f"the keystore {found.shown} does not say its address: name it in the settings")
    return checksummed("0x" + found.address if found.address else address)


def _secret(key: dict[str, Any], introduction: str) -> bytes:
    """The key itself; a keystore is opened with the passphrase of a file, or of the person at the terminal."""
    found = find_key(key["path"], key.get("address", ""))
    if found.keystore is None:
        return found.secret
    from console import passphrase

    given = key.get("passphrase")
    if given is not None:
        secret = open_keystore(found, passphrase.from_file(given["path"], credential=given["credential"]))
    else:
        _await_terminal()
        lines = f"The keystore {found.shown} signs {introduction}"
        secret = passphrase.opened_at_terminal(lines, lambda typed: open_keystore(found, typed))
    wanted = key.get("address", "")
    if wanted.startswith("0x") and address_of(secret) != wanted[2:].lower():
        raise Refused(f"the keystore {found.shown} does not hold the key of {wanted}")
    return secret


def _await_terminal() -> None:
    _say({"ask": "passphrase"})
    try:
        answer = json.loads(sys.stdin.readline(_MAX_GO))
    except ValueError:
        answer = None
    if answer != {"go": True}:
        raise Refused(
            "a passphrase is needed and there is no terminal to ask on: run it in a terminal, or export the call"
        )


def _described(fields: dict[str, Any]) -> str:
    most = fields["gas"] * fields.get("maxFeePerGas", fields.get("gasPrice", 0)) + fields["value"]
    return (
        f"a transaction to {fields['to']} on chain {fields['chainId']}: function {fields['data'][:10]}, nonce"
        f" {fields['nonce']}, cost at most {most} wei."
    )


def _described_typed(message: Any) -> str:
    from console.chain.typed_data import describe

    return describe(message) + "."


def _address(secret: bytes) -> str:
    from console.chain.address import checksummed

    return checksummed("0x" + address_of(secret))


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
    # A creation says so by a word of its own: a target that is merely missing is a mistake.
    creates = fields["to"] == CREATE
    if not creates and (not isinstance(fields["to"], str) or not _ADDRESS.fullmatch(fields["to"])):
        raise Refused("`to` of the transaction is not an address")
    if not isinstance(fields["data"], str) or not _DATA.fullmatch(fields["data"]):
        raise Refused("`data` of the transaction is not 0x and hex digits")
    if creates and (fields["data"] == "0x" or fields["value"] != 0):
        raise Refused("a contract is created from its code, and without value")
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


def _checked_typed(request: object) -> Any:
    from console.chain.typed_data import from_request
    from console.errors import InputError

    try:
        return from_request(request)
    except InputError as error:
        raise Refused(error.what) from None


def _sign_typed(secret: bytes, message: Any) -> dict[str, str]:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    from console.chain.typed_data import document

    address = _own_address(secret, message.signer)
    signed = Account.sign_message(encode_typed_data(full_message=document(message)), secret)
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
    target = fields.pop("to")
    if target != CREATE:
        fields["to"] = checksummed(target)
    signed = Account.sign_transaction(fields, secret)
    return {
        "raw": "0x" + bytes(signed.raw_transaction).hex(),
        "hash": "0x" + bytes(signed.hash).hex(),
        "from": address,
    }


if __name__ == "__main__":
    # Only the kind of a crash: a traceback or a message may quote a value.
    sys.excepthook = lambda kind, _value, _trace: print(kind.__name__, file=sys.stderr)  # noqa: T201
    raise SystemExit(main(sys.argv[1:]))

"""Votes and readiness signed here and sent by somebody else: a validator without gas takes part all the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from console import strict_json
from console.chain.typed_data import TypedMessage, VoteMessage, describe, document, from_request, to_request
from console.errors import InputError
from console.given_file import read_given
from console.model import RegistryCall, SigningKey
from console.settings import NetworkSettings

_FORMAT = "upgrade-console signed message 1"
_NOTHING_SENT = "nothing was sent"
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}", re.ASCII)
_MOST_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message and its signature."""

    message: TypedMessage
    signature: str
    """0x hex of 65 bytes."""


def to_document(signed: SignedMessage) -> dict[str, object]:
    """What is handed on: the message twice, for our own reading and as a wallet shows it, and the signature."""
    return {
        "format": _FORMAT,
        "says": describe(signed.message),
        "message": to_request(signed.message),
        "typed_data": document(signed.message),
        "signature": signed.signature,
    }


def record_message(network: NetworkSettings, signed: SignedMessage, signer: str) -> None:
    """Record, before it is handed out, that a message was signed. Raises RecordError: it must not be."""
    from console.chain.sent import record_by_hand
    from console.chain.signed_record import SignedRecord

    message = signed.message
    SignedRecord(record_by_hand(network)).begun(
        "0x" + hashlib.sha256(bytes.fromhex(signed.signature[2:])).hexdigest(),
        what="message",
        chain_id=message.chain_id,
        sender=signer,
        target=message.registry,
        words=describe(message),
        data=signed.signature,
        nonce=message.nonce,
        effect="It was printed, for somebody else to send.",
    )


def read_signed(path: Path) -> SignedMessage:
    """Read what `to_document` wrote, strictly; what it says of itself in words is not looked at.

    Raises:
        InputError: It cannot be read, or is something else.
    """
    body = read_given(path, _MOST_FILE, safe=_NOTHING_SENT)
    try:
        found = strict_json.loads(body)
    except strict_json.NotStrictJson:
        found = None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise InputError(
            f"{path} is not a signed message",
            safe=_NOTHING_SENT,
            next_step="give the file that `vote … --sign-only` or `ready … --sign-only` printed",
        )
    signature = found.get("signature")
    if not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
        raise InputError(f"the signature in {path} is not 65 bytes in hex digits", safe=_NOTHING_SENT)
    return SignedMessage(from_request(found.get("message")), signature)


def relay_call(signed: SignedMessage, network: NetworkSettings) -> RegistryCall:
    """Bring somebody's signed message into a block; any key may.

    Raises:
        InputError: It is for another chain or registry.
    """
    message = signed.message
    if message.chain_id != network.evm_chain_id or message.registry.lower() != network.registry.lower():
        raise InputError(
            f"the message is for the registry {message.registry} of chain {message.chain_id}, not for that of"
            f" {network.name}",
            safe=_NOTHING_SENT,
        )
    signature = bytes.fromhex(signed.signature[2:])
    if isinstance(message, VoteMessage):
        args: tuple[object, ...] = (message.id, message.support, message.signer, message.deadline, signature)
        function = "voteBySig"
    else:
        release = bytes.fromhex(message.release_hash)
        args = (message.id, release, message.signer, message.deadline, signature)
        function = "signalReadyBySig"
    effect = f"Brings into a block what {message.signer} signed: {describe(message)}."
    return RegistryCall(function, args, SigningKey.OPERATOR, message.id, effect)

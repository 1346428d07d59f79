"""The signer: no signature leaves before `priv_validator_state.json` says so durably (facts/cosmos.md §6)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from .block import format_time
from .errors import MalformedError, NodeError, SignerRefusedError
from .files import LineLog, replace_file
from .keys import ValidatorKey
from .votes import SignStep, VoteType, proposal_sign_bytes, sign, split_timestamp, vote_sign_bytes


@dataclass(frozen=True, slots=True)
class SignerState:
    """The last thing that was signed: CometBFT's FilePVLastSignState."""

    height: int = 0
    round: int = 0
    step: int = 0
    signature: bytes = b""
    sign_bytes: bytes = b""

    @property
    def hrs(self) -> tuple[int, int, int]:
        """Height, round, step; it never goes back."""
        return (self.height, self.round, self.step)

    def dump(self) -> str:
        """The file's exact form; an unused state has no signature fields."""
        document: dict[str, object] = {"height": str(self.height), "round": self.round, "step": self.step}
        if self.signature:
            document["signature"] = base64.b64encode(self.signature).decode()
            document["signbytes"] = self.sign_bytes.hex().upper()
        return json.dumps(document, indent=2)


def load_signer_state(path: Path) -> SignerState:
    """Reads the state.

    Raises:
        NodeError: It is missing or unreadable: the node must not start, for it could sign twice.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return SignerState(
            int(document["height"]),
            int(document["round"]),
            int(document["step"]),
            base64.b64decode(document.get("signature") or ""),
            bytes.fromhex(document.get("signbytes") or ""),
        )
    except FileNotFoundError:
        raise NodeError(f"{path} is missing; without it this validator could sign twice") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(f"{path} cannot be read ({error}); this validator could sign twice") from None


@dataclass(frozen=True, slots=True)
class Signed:
    """A released signature and the time (nanoseconds since 1970) that is inside it."""

    signature: bytes
    time_ns: int


class Signer:
    """Signs votes and proposals of one key, each (height, round, step) once."""

    def __init__(self, key: ValidatorKey, chain_id: str, state_path: Path, log_path: Path) -> None:
        self.key = key
        self._chain_id = chain_id
        self._path = state_path
        self.state = load_signer_state(state_path)
        self._log = LineLog(log_path)

    def vote(self, kind: VoteType, height: int, round_: int, block_hash: str, time_ns: int) -> Signed:
        """Signs a vote; "" is a vote for nil.

        Raises:
            SignerRefusedError: It would go back or contradict the last signature.
        """
        step = SignStep.PREVOTE if kind is VoteType.PREVOTE else SignStep.PRECOMMIT
        sign_bytes = vote_sign_bytes(self._chain_id, kind, height, round_, block_hash, time_ns)
        return self._sign(height, round_, step, block_hash, sign_bytes, time_ns)

    def proposal(self, height: int, round_: int, pol_round: int, block_hash: str, time_ns: int) -> Signed:
        """Signs a proposal.

        Raises:
            SignerRefusedError: It would go back or contradict the last signature.
        """
        sign_bytes = proposal_sign_bytes(self._chain_id, height, round_, pol_round, block_hash, time_ns)
        return self._sign(height, round_, SignStep.PROPOSE, block_hash, sign_bytes, time_ns)

    def close(self) -> None:
        """Closes the log of signatures."""
        self._log.close()

    def _sign(
        self, height: int, round_: int, step: SignStep, block_hash: str, sign_bytes: bytes, time_ns: int
    ) -> Signed:
        last, hrs = self.state, (height, round_, int(step))
        if hrs < last.hrs:
            raise SignerRefusedError(f"asked to sign {hrs} after {last.hrs}")
        if hrs == last.hrs:
            released = self._again(sign_bytes)
        else:
            released = Signed(sign(self.key.secret, sign_bytes), time_ns)
            state = SignerState(height, round_, int(step), released.signature, sign_bytes)
            replace_file(self._path, state.dump())
            self.state = state
        self._log.append(
            json.dumps(
                {
                    "height": height,
                    "round": round_,
                    "step": int(step),
                    "block_hash": block_hash,
                    "time": format_time(released.time_ns),
                },
                separators=(",", ":"),
            )
        )
        return released

    def _again(self, sign_bytes: bytes) -> Signed:
        # CometBFT's CheckHRS: the same step again is the old signature, or a contradiction.
        last = self.state
        try:
            asked, before = split_timestamp(sign_bytes), split_timestamp(last.sign_bytes)
        except MalformedError:
            raise SignerRefusedError("the last signature's bytes cannot be compared") from None
        if asked.rest != before.rest or not last.signature:
            raise SignerRefusedError(f"conflicting data at {last.hrs}")
        return Signed(last.signature, before.time_ns)

"""What a daemon or a chain says of a failed transaction, told with what to do next (facts/cosmos.md §4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.text import untrusted

_MOST_QUOTED = 240
_NOISE = re.compile(
    r"^error:\s*|rpc error: code = \w+ desc = |\s*\[[^\]\s]*\.go:\d+\]|"
    r"failed to execute message; message index: \d+: | with gas used: '\d+'(?:: unknown request)?",
    re.IGNORECASE,
)
"""What stands around the words of the chain: where in whose source they were said, and for how much gas."""
_USAGE = "\nUsage:"


@dataclass(frozen=True, slots=True)
class Told:
    """A failure in our words."""

    what: str
    next_step: str


@dataclass(frozen=True, slots=True)
class _Known:
    pattern: re.Pattern[str]
    what: str
    next_step: str


_QUESTION = re.compile(r"^\s*(?:re-)?enter .*passphrase.*:\s*$", re.IGNORECASE)
"""What a keyring asked, and nobody answered."""


def _known(pattern: str, what: str, next_step: str) -> _Known:
    return _Known(re.compile(pattern, re.IGNORECASE), what, next_step)


_KNOWN = (
    _known(
        r"too many failed passphrase|incorrect passphrase|invalid account password|wrong passphrase|integrity check"
        r" failed|failed to decrypt|decryption fail",
        "the keyring did not open: the passphrase was not right",
        "try again; `keys list` of the daemon shows whether it opens",
    ),
    _known(
        r"(?:^|\W)EOF\b|too many failed passphrase|incorrect passphrase|"
        r"inappropriate ioctl|passphrase do not match|no such interface|failed to unlock|is locked|"
        r"user interaction|prompt (?:was )?dismissed|pinentry",
        "the keyring is locked and nobody could be asked for its passphrase",
        "run it in a terminal, or unlock the keyring first",
    ),
    _known(
        r"(?:account|address) \S+ (?:not found|does not exist)|account does not exist on chain|key not found: account",
        "the account is not on the chain: it never received anything",
        "send it enough for fee and deposit first",
    ),
    _known(
        r"\.info: key not found|is not a valid name or address|"
        r"key not found|no such key|could not find key|not found in the keyring|"
        r"failed to convert address field to address",
        "the keyring has no such key",
        "look at `keys list` of the daemon, and at `from`, `home` and `keyring_dir` in the settings",
    ),
    _known(
        r"insufficient funds|is smaller than|spendable balance",
        "the account has not enough funds for fee and amount",
        "send it enough for fee and deposit, or set other `--fees` in flags",
    ),
    _known(
        r"insufficient fees?\b",
        "the fee is less than the node demands",
        "set `--fees` or `--gas-prices` in flags",
    ),
    _known(r"out of gas", "the gas was not enough", "set a higher `--gas` in flags"),
    _known(
        r"sequence mismatch|incorrect account sequence|invalid sequence",
        "the account's sequence is another one by now: another transaction of it came first",
        "look at what that was, then try again",
    ),
    _known(
        r"signature verification failed|verify account number",
        "the chain does not accept the signature: account number, sequence or chain id is another one",
        "look whether daemon, node and chain_id belong to one chain",
    ),
    _known(
        r"inactive proposal",
        "the proposal is not open for this any more",
        "look at `upgrade-console proposals`",
    ),
    _known(
        r"unknown proposal|proposal \S+ (?:doesn't|does not) exist|proposal\S* not found|not found.*proposal|"
        r"failed to fetch proposal",
        "there is no such proposal on the chain",
        "look at `upgrade-console proposals` for its number",
    ),
    _known(
        r"(?:unknown|no such) provider|provider \S* ?(?:not found|does not exist|is not registered)",
        "the chain has no such provider",
        "look at `from.provider` in the settings: its account has to own the provider, which is created on the chain",
    ),
    _known(
        r"invalid proposer|invalid authority|expected gov account",
        "only the proposer, or the chain's government, may do this",
        "use the key that proposed it",
    ),
    _known(
        r"minimum deposit|deposit too small|invalid deposit denom",
        "the deposit is not what this chain takes",
        "give another --deposit; the least and its denom are in the chain's gov parameters",
    ),
    _known(
        r"connection refused|no such host|post failed|dial tcp|connection reset|i/o timeout|context deadline",
        "the daemon could not reach its node",
        "look whether the node of the settings answers",
    ),
    _known(
        r"unknown command|unknown flag|unknown shorthand|accepts \d+ arg",
        "this daemon has no such command",
        "look whether `command` is this chain's daemon, of the version that the network runs",
    ),
)


def explained(said: str, *, nobody_there: bool = False) -> Told:
    """A failure in our words, with its own beside them.

    Args:
        said: What the daemon wrote, or the chain's log; foreign text.
        nobody_there: Whether its keyring had no terminal to ask on: what it takes for a wrong passphrase is none.
    """
    # A daemon prints how its command is used behind the error: words of flags are no cause.
    said = said.partition(_USAGE)[0].strip() or said
    own = quoted_line(said)
    known_now = _KNOWN[1:] if nobody_there else _KNOWN
    for known in known_now:
        if known.pattern.search(said):
            return Told(f"{known.what} ({own})" if own else known.what, known.next_step)
    if not own and "passphrase" in said:
        return Told("no passphrase was given", "")
    return Told(own or "no reason was given", "")


def quoted_line(said: str) -> str:
    """The line of a text that tells most, safe to show: that of its `Error:`, else its last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not _QUESTION.search(line)]
    errors = [line for line in lines if re.match(r"(?:error|panic)\b", line, re.IGNORECASE)]
    # What follows an error is how the command is used, which nobody asked for.
    line = errors[0] if errors else lines[-1] if lines else ""
    return str(untrusted(_NOISE.sub("", line), _MOST_QUOTED))

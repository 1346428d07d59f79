"""What the probes of a node's health and what `doctor` finds."""

from __future__ import annotations

from console.node.health_table import HEALTH_TABLE
from console.operations.runbook.entry import Entry, Kind

_NODE = "data and signer state"
_NOBODY = "the node: `doctor` changes nothing"

_OF_PROBES: dict[str, tuple[str, str]] = {
    "start: RPC": (_NODE, "read the node's log (`5`); a try that fails is made again, three in an upgrade"),
    "start: application": (_NODE, "read the node's log: a migration that fails does not end the process"),
    "answer": (_NODE, "read the node's log; `upgrade-console node restart` where it hangs"),
    "application": ("the network, which goes on", "read the node's log, then `upgrade-console node restart`"),
    "height": ("the network, which goes on", "nothing while it catches up; else look at its peers"),
    "app hash": (
        "the network: its blocks carry the other hash, and this node signs none that do not",
        "find out which binary executed (`upgrade-console node verify`), put the right one in place, then "
        "`upgrade-console node resync --from-genesis --reason WHY`",
    ),
    "signature": (
        "the network, with more than 2/3 without it",
        "look whether its key is the validator's, and its peers",
    ),
    "round": (_NODE, "reach who does not vote: `3` Validators says it"),
    "peers": (_NODE, "look at the network, the firewall and `persistent_peers`"),
    "parent finality": ("the subnet's own blocks", "look at the parent's endpoint in Fendermint's settings"),
    "memory": (_NODE, "give it more, or find what grows; the kernel ends it at the limit"),
    "disk free": ("what is on the disk", "make room before an upgrade: a rollback point needs some too"),
}

PROBES: tuple[Entry, ...] = tuple(
    Entry(Kind.PROBE, probe.name, f"{probe.what}: {probe.limit}, for {probe.window:g} {probe.unit.value}", safe, do)
    for probe in HEALTH_TABLE
    for safe, do in (_OF_PROBES[probe.name],)
)


_SAFE = {
    "halt height": "the running node; it is the next start that would halt",
    "signer": "what was signed: nothing is started until it is clear",
    "foreign holder": "the key: no second node is started beside that one",
    "controller": "the node, which runs on and stops at an armed H",
    "journal": "the running node; nothing is guessed, and nothing starts",
    "disk": "what is on the disk",
    "layout": "the running node: nothing is switched",
    "current": "the running node; genesis is never started in its place",
    "old unit": "the node: one of both runs it, never two",
    "cometbft cache": "the running node; ipc-cli's next start would take it",
    "chain daemon": "the node: it crosses its upgrade without the daemon",
    "to Cosmovisor": "the node: the move is refused until then",
}
"""What is safe where there is more to say than that nothing was changed."""


def _found(topic: str, means: str, do: str) -> Entry:
    return Entry(Kind.DOCTOR, topic, means, _SAFE.get(topic, _NOBODY), do)


FINDINGS: tuple[Entry, ...] = (
    _found(
        "settings",
        "the settings file, the node's own or a variable of the environment cannot be read or contradicts another",
        "mend what the finding names; nothing is guessed meanwhile",
    ),
    _found("home", "a file without which the node does not start is missing", "bring it back from where it was made"),
    _found(
        "halt height",
        "a height to stop at stands in a file or in the environment, where the controller did not put it",
        "take it out; while it is there every start halts again",
    ),
    _found(
        "signer",
        "the signer state is missing, lower than it ever was, or kept by a remote signer",
        "**never write or copy it by hand**; find out where the newest one is, and who else signs with this key",
    ),
    _found(
        "keys",
        "a key file is missing, or others than its owner can read it",
        "`chmod 600 FILE`; no key file is read here",
    ),
    _found(
        "layout",
        "Cosmovisor's layout is missing, or one of its generations is not whole",
        "`upgrade-console node init`",
    ),
    _found(
        "current", "`current` leads nowhere", "point it at the generation that the data is of, relative to its folder"
    ),
    _found(
        "foreign holder",
        "another process holds the node's home, its ports or its databases",
        "stop that one for good before this one is started: two would sign twice",
    ),
    _found(
        "old unit",
        "the unit that ran the node before is being taken over or given back, and that was not ended",
        "run the same command again",
    ),
    _found("controller", "no controller of this node runs", "start its unit, or `upgrade-console node run`"),
    _found("run", "what the controller noted about the running node cannot be read", "look at the disk"),
    _found(
        "journal", "the journal cannot be read", "look at the disk; move nothing away, the controller says what to do"
    ),
    _found(
        "disk",
        "there is too little room, no ballast, or a folder cannot be written or is on a file system without locks",
        "make room, or mount it read-write; on network file systems journal and lock are worth nothing",
    ),
    _found(
        "clock",
        "the clock was set back, or is not synchronised",
        "start an NTP client; votes with a wrong time are refused",
    ),
    _found("limits", "the node may open too few files", "`LimitNOFILE=65536` in its unit"),
    _found(
        "cometbft cache",
        "ipc-cli would go on with a CometBFT that it unpacked before, or with one that others can change",
        "remove the folder that the finding names while the node is stopped",
    ),
    _found("containers", "a container of the node cannot be adopted as it is", "mend what the finding names"),
    _found(
        "operator key",
        "the key that says ready and armed is missing or cannot sign",
        "docs/keys.md says how it is made",
    ),
    _found(
        "chain daemon",
        "a vote, a deposit or a proposal would not go through: the daemon of the settings is not there or does not run,"
        " its home or its node is of another chain, or its keyring lacks the key",
        "what the finding says, before a vote is due; docs/chain-daemon.md has the settings",
    ),
    _found(
        "proven releases",
        "the network demands releases that another network proved, and names none that can",
        "set `proven_on`, or take the demand out of the network's settings",
    ),
    _found(
        "cosmovisor", "its settings, or a version with known defects", "what the finding says, before the next upgrade"
    ),
    _found("to Cosmovisor", "Cosmovisor cannot take the node over now", "end the upgrade first"),
    _found("ipc-cli", "its settings cannot be read, or hold something that we leave out", "mend `~/.ipc/config.toml`"),
    _found("network", "a configured network cannot be opened", "mend its table in the settings"),
    _found("devnet", "the devnet runs on Linux only", "try it on another machine"),
    _found("doctor", "one thing could not be looked at; the others were", "what the finding says"),
)

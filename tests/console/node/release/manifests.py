"""Manifests for tests: a whole one, and hypothesis' strategies for ones that are nearly right."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

WHOLE: dict[str, Any] = {
    "format": 1,
    "name": "v0.2.0",
    "version": "0.2.0-rc.1",
    "project": "ipc",
    "chain": "r31337-t4example",
    "sequence": 7,
    "keyring": 1,
    "breaking": True,
    "state_compatible": False,
    "platforms": {
        "linux/amd64": {
            "binaries": {
                "fendermint": {
                    "sha256": "a" * 64,
                    "size": 150 << 20,
                    "sources": ["https://releases.example/v0.2.0/fendermint", "ipfs://" + "b" * 59],
                },
                "cometbft": {
                    "sha256": "c" * 64,
                    "size": 60 << 20,
                    "sources": ["https://releases.example/v0.2.0/cometbft.tar.gz"],
                    "archive": {
                        "sha256": "d" * 64,
                        "size": 30 << 20,
                        "packing": "tar.gz",
                        "member": "cometbft-v1/cometbft",
                    },
                },
            },
            "images": {"fendermint": "ghcr.io/ipc/fendermint@sha256:" + "e" * 64},
        },
        "any": {"images": {"fendermint": "ghcr.io/ipc/fendermint@sha256:" + "e" * 64}},
    },
    "min_height": 1000,
    "max_height": 2000,
    "grace_blocks": 100,
    "not_after": "2027-01-31T12:00:00Z",
    "migration": {
        "kind": "wasm",
        "sha256": "9" * 64,
        "size": 1234,
        "entry_point": "migrate",
        "writable_keys": ["0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed*"],
        "fuel": 5000000,
        "memory_pages": 16,
    },
    "notes": {"url": "https://releases.example/v0.2.0/notes.md", "sha256": "f" * 64},
}


def whole(**changes: Any) -> dict[str, Any]:
    """A manifest with everything in it, top-level fields replaced; None takes one out."""
    found = copy.deepcopy(WHOLE)
    for name, value in changes.items():
        if value is None:
            found.pop(name)
        else:
            found[name] = value
    return found


def encoded(document: Any) -> bytes:
    """The document as a file."""
    return json.dumps(document, indent=1).encode()


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([(1 << 53) - 1, 1 << 53, 1 << 64, -1, 1 << 40, (1 << 40) + 1])
    | st.sampled_from(["", "any", "linux/amd64", "Linux/amd64", "../x", "a" * 64, "A" * 64, "a" * 65, "tar.gz", "rar"])
    | st.sampled_from(["https://a.example/x", "https://u@a.example/", "http://a.example/", "http://127.0.0.1:80/x"])
    | st.sampled_from(
        ["ipfs://" + "b" * 59, "ipfs://x", "file:///etc/passwd", "https://a.example/#f", "x@sha256:" + "e" * 64]
    )
    | st.text(max_size=5).filter(lambda text: not text.endswith("\n"))
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    # What a migration holds is not in the schema; its own tests are tests/console/node/migration.
    if place[:1] == ("migration",):
        return []
    found = [place] if place else []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        found += _places(item, (*place, key))
    return found


@st.composite
def nearly(draw: st.DrawFn) -> dict[str, Any]:
    """A whole manifest with one to three places replaced, removed or added."""
    document = whole()
    for _ in range(draw(st.integers(1, 3))):
        places = _places(document)
        if not places:
            return document
        *above, last = draw(st.sampled_from(places))
        holder: Any = document
        for key in above:
            holder = holder[key]
        act = draw(st.sampled_from(["replace", "remove", "add"]))
        if act == "replace":
            holder[last] = draw(_VALUES)
        elif act == "remove":
            del holder[last]
        elif isinstance(holder, dict):
            holder[
                draw(st.sampled_from(["extra", "sha256", "any", "archive", "images", "binaries", "a" * 70, "x y"]))
            ] = draw(_VALUES)
        else:
            holder.append(draw(st.just(copy.deepcopy(holder[last])) | _VALUES))
    return document

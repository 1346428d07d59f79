"""What a release manifest may hold, field by field: the strict reader and the JSON Schema both come from here."""

from __future__ import annotations

from datetime import datetime

from console.node.image_reference import parse_image
from console.node.migration import parse_migration
from console.node.release.grammar import Field, Flag, Foreign, Listed, Record, Table, Text, Whole

FORMAT = 1
"""Of this page's manifests; another number is not read."""
PACKINGS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "zip")
"""How an archive may be packed: what Python itself unpacks, and what holds named members."""
MAX_ARTEFACT_BYTES = 1 << 40

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
_REST = r"(?:/[!$%&'()*+,./0-9:;=?@A-Z_a-z~-]*)?"
_LOOPBACK = r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?"
_WEB = rf"https://{_HOST}{_REST}|http://{_LOOPBACK}{_REST}"
_MEMBER = r"[A-Za-z0-9_][A-Za-z0-9_.+@=-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+@=-]*)*"
TIME = "%Y-%m-%dT%H:%M:%SZ"


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, TIME)  # noqa: DTZ007  it only says whether the calendar has it
    except ValueError:
        return False
    return True


HASH = Text("[0-9a-f]{64}", "64 lower-case hex digits", 64)
NAME = Text("[A-Za-z0-9][A-Za-z0-9._+-]*", "a name of letters, digits and . _ + -", 64)
BINARY_NAME = Text("[A-Za-z0-9_][A-Za-z0-9_.+-]*", "the name of a program, without a folder", 64)
PROJECT = Text("[A-Za-z0-9][A-Za-z0-9._-]*", "a project's name", 64)
CHAIN = Text("[A-Za-z0-9/][A-Za-z0-9._/-]*", "a chain id", 128)
PLATFORM_NAME = Text("any|[a-z0-9]{1,16}/[a-z0-9]{1,16}", "a platform as linux/amd64, or any", 33)
SOURCE = Text(
    rf"{_WEB}|ipfs://[A-Za-z0-9]{{32,128}}(?:/[A-Za-z0-9_.+@=/-]*)?",
    "an https or ipfs URL without user or fragment (http only of this machine)",
    2048,
)
WEB_ADDRESS = Text(_WEB, "an https URL without user or fragment (http only of this machine)", 2048)
IMAGE = Text(
    r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}",
    "an image by its digest, as registry/name@sha256:…",
    512,
    lambda text: parse_image(text) is not None,
)

_ARCHIVE = Record(
    (
        Field("sha256", HASH, "Of the archive."),
        Field("size", Whole(1, MAX_ARTEFACT_BYTES), "Of the archive, in bytes."),
        Field(
            "packing",
            Text("|".join(kind.replace(".", r"\.") for kind in PACKINGS), " or ".join(PACKINGS), 8),
            "How it is packed.",
        ),
        Field(
            "member",
            Text(_MEMBER, "the path of a file inside the archive, without `.` and `..`", 512),
            "The one regular file in it that is the binary.",
        ),
    )
)
_ARTEFACT = Record(
    (
        Field("sha256", HASH, "Of the binary itself, whatever it comes in."),
        Field("size", Whole(1, MAX_ARTEFACT_BYTES), "Of the binary itself, in bytes."),
        Field(
            "sources",
            Listed(SOURCE, 16),
            "Where the archive, or without one the binary, is to be had; none is trusted. Empty: everybody builds it.",
        ),
        Field("archive", _ARCHIVE, "What the sources hold, when that is not the binary itself.", required=False),
    )
)
_PLATFORM = Record(
    (
        Field(
            "binaries",
            Table(BINARY_NAME, _ARTEFACT, 16),
            "Each binary that must change, by its name in `bin/`.",
            required=False,
        ),
        Field(
            "images",
            Table(BINARY_NAME, IMAGE, 16),
            "The same for nodes in containers: images by the name of the program that they run.",
            required=False,
        ),
    ),
    some_of=("binaries", "images"),
)
CHILDREN = Listed(
    Record(
        (
            Field("chain", Text(r"\*|[A-Za-z0-9/][A-Za-z0-9._/-]*", "a chain id, or *", 128), "The child; * is any."),
            Field(
                "closes_after",
                Whole(0),
                "Blocks of this chain after the upgrade in which the child's old release still works with it.",
            ),
            Field(
                "opens_before",
                Whole(0),
                "Blocks of this chain before the upgrade from which the child's new release works; left out: always.",
                required=False,
            ),
            Field("release", NAME, "Name of the child's release that goes with it.", required=False),
        )
    ),
    64,
)
"""What an upgrade means for child networks: of a manifest, and `children` in a plan's info or a proposal's metadata."""
_NOTES = Record(
    (
        Field("url", WEB_ADDRESS, "Where the release notes are."),
        Field("sha256", HASH, "Of the page there."),
    )
)
MANIFEST = Record(
    (
        Field("format", Whole(FORMAT, FORMAT), "Of this file."),
        Field("name", NAME, "Of the upgrade, as the plan on the chain has it."),
        Field("version", NAME, "Of the software."),
        Field("project", PROJECT, "Whose release it is; the keyring names the same."),
        Field("chain", CHAIN, "The chain id; a release is for one chain."),
        Field("sequence", Whole(1), "Grows with every release of the chain; a node never goes back to a smaller one."),
        Field("keyring", Whole(1), "Version of the keyring that its makers signed under."),
        Field("breaking", Flag(), "Whether old and new rules differ: nodes on the old binary must not go on."),
        Field(
            "state_compatible",
            Flag(),
            "Whether the old binary can go on with the data after the new one has run on it.",
        ),
        Field("platforms", Table(PLATFORM_NAME, _PLATFORM, 16), "What to run, by platform; `any` where no other fits."),
        Field("min_height", Whole(1), "First height at which it may be the upgrade.", required=False),
        Field("max_height", Whole(1), "Last height at which it may be the upgrade.", required=False),
        Field(
            "grace_blocks",
            Whole(0),
            "Blocks after the upgrade in which late nodes are told so; if not breaking, they run on until then.",
            required=False,
        ),
        Field(
            "not_after",
            Text(
                "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", "a time as 2027-01-31T12:00:00Z", 20, _is_time
            ),
            "After this time its makers would warn of it; never a reason to stop at a halt.",
            required=False,
        ),
        Field(
            "migration",
            Foreign(
                parse_migration,
                {
                    "type": "object",
                    "required": ["kind"],
                    "properties": {"kind": {"enum": ["none", "compiled", "standard", "wasm"]}},
                },
            ),
            "What the release changes in the chain's state; what each kind holds is in migrations.md.",
            required=False,
        ),
        Field("notes", _NOTES, "Release notes.", required=False),
        Field("children", CHILDREN, "When child networks have to follow, by chain.", required=False),
    )
)
"""Everything that a manifest may hold."""

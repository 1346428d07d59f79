"""Where a file is asked for: mirrors instead of the plan's URL, gateways for what is on IPFS."""

from __future__ import annotations

import pytest

from console.errors import ReleaseError
from console.node.download.sources import Sources, in_lower_case, sources_of
from console.node.download.urls import parse_url

CID = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
OLD_CID = "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"
LOCAL = "http://127.0.0.1:8080"


def test_a_plans_own_url_is_asked_when_nothing_is_set() -> None:
    assert sources_of("https://a.example/v1/node") == Sources(("https://a.example/v1/node",), own=False)
    assert sources_of("http://127.0.0.1/node", local=True).own


def test_mirrors_are_asked_instead_in_their_order() -> None:
    found = sources_of("https://a.example/v1/node?x=1", mirrors=["https://m.example/base/", LOCAL])
    assert found == Sources(("https://m.example/base/node", f"{LOCAL}/node"), own=True)


@pytest.mark.parametrize(
    ("gateway", "asked"),
    [
        (LOCAL, f"{LOCAL}/ipfs/{CID}/v2/node"),
        ("https://gw.example/ipfs/", f"https://gw.example/ipfs/{CID}/v2/node"),
        ("https://{cid}.ipfs.example", f"https://{CID}.ipfs.example/v2/node"),
    ],
)
def test_content_is_asked_for_through_a_gateway(gateway: str, asked: str) -> None:
    assert sources_of(f"ipfs://{CID}/v2/node", gateways=[gateway]) == Sources((asked,), own=True)
    parse_url(asked)


def test_content_without_a_path_is_the_file_itself() -> None:
    asked = sources_of(f"IPFS://{CID}/", gateways=[LOCAL, "https://{cid}.ipfs.example"]).urls
    assert asked == (f"{LOCAL}/ipfs/{CID}", f"https://{CID}.ipfs.example/")


def test_an_old_id_keeps_its_meaning_in_a_hosts_name() -> None:
    # As `ipfs cid base32` says it.
    assert in_lower_case(OLD_CID) == "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
    assert in_lower_case(CID) == CID


def test_without_a_gateway_it_is_said_how_to_name_one() -> None:
    with pytest.raises(ReleaseError, match="ipfs_gateways="):
        sources_of(f"ipfs://{CID}/node")


@pytest.mark.parametrize(
    "url",
    [
        *("ipfs://", "ipfs://short", "ipfs:///x", f"ipfs://{CID}@evil.example/x", f"ipfs://{CID}.evil.example/"),
        *(
            f"ipfs://{CID}/../../admin",
            f"ipfs://{CID}/a/./b",
            f"ipfs://{CID}/a b",
            f"ipfs://{CID}/x?y",
            f"ipfs://{CID}#x",
        ),
        *(f"ipfs://{CID}//x", f"ipfs://{CID}/..", "ipfs://.." + "a" * 20),
    ],
)
def test_what_names_no_content_is_refused(url: str) -> None:
    with pytest.raises(ReleaseError, match="names no content"):
        sources_of(url, gateways=[LOCAL])

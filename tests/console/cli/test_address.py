"""`address`: one address in every form."""

from __future__ import annotations

import json

from tests.console.cli.conftest import Run

SUBNET = "/r314159/t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q"


def test_all_forms_are_printed(cli: Run) -> None:
    outcome = cli("address", SUBNET)
    assert outcome.code == 0
    for form in ("0x53F91F7e2A96dCAe06a16Ea29724ea0a0dA8dAAf", "f410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", SUBNET):
        assert form in outcome.out


def test_as_json(cli: Run) -> None:
    found = json.loads(cli("address", "f01001", "--json").out)
    assert found["ethereum"].lower() == "0xff000000000000000000000000000000000003e9"
    assert (found["t410"], found["actor_id"], found["can_sign"], found["cometbft"]) == ("t01001", 1001, False, None)


def test_a_wrong_checksum_is_refused(cli: Run) -> None:
    cli("address", SUBNET.rsplit("/", 1)[1][:-1] + "a").refused_with("wrong checksum")


def test_a_comet_address_needs_a_network(cli: Run) -> None:
    cli("address", "A55476015C13AFB8AFB92160329A8CDE976F1F2E").refused_with("leads back to no key")

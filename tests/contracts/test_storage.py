"""Nothing moves in storage by accident: what stands there outlives the code that wrote it."""

from __future__ import annotations

import pytest

from tests.contracts.storage import LAYOUTS, described, layouts


def test_every_layout_is_committed() -> None:
    assert sorted(path.stem for path in LAYOUTS.glob("*.txt")) == sorted(layouts())


@pytest.mark.parametrize("name", sorted(layouts()))
def test_it_is_as_it_was(name: str) -> None:
    committed = (LAYOUTS / f"{name}.txt").read_text()
    assert layouts()[name] == committed, "if it is meant: python -m tests.contracts.storage, and say why"


def test_all_facets_of_the_gateway_agree() -> None:
    shared = {name: text for name, text in layouts().items() if name.startswith("Gateway") and "Facet" in name}
    assert len(shared) == 3
    assert set(shared.values()) == {layouts()["GatewayDiamond"]}


def test_both_halves_of_the_registry_agree() -> None:
    """The second half works on the storage of the first, which may have more behind it."""
    first, *structs = layouts()["UpgradeRegistry"].split("\n\n")
    second, *known = layouts()["RegistryExtension"].split("\n\n")
    assert len(second.splitlines()) > 20
    assert first.startswith(second)
    assert set(known) <= set(structs)


def test_a_moved_variable_is_seen() -> None:
    kinds = {"t_uint64": {"label": "uint64", "numberOfBytes": "8"}}
    first = {"slot": "0", "offset": 0, "label": "a", "type": "t_uint64"}
    second = {"slot": "0", "offset": 8, "label": "b", "type": "t_uint64"}
    assert described({"storage": [first, second], "types": kinds}) == "   0  0    8  uint64 a\n   0  8    8  uint64 b\n"

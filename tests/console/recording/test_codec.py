"""Every value of the model comes back as it was, and nothing hostile comes in."""

from __future__ import annotations

import dataclasses
import json
import types
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console import model
from console.errors import RecordingError
from console.model import Snapshot
from console.recording.codec import MAX_TEXT, Codec
from tests import fakes
from tests.hostile import HOSTILE
from tests.widgets.test_second_wall import harmless

WORDS = st.sampled_from(["", "v0.2.0", "héight ◷", "9f86d081884c7d65", "a sentence, with a comma."])
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: WORDS,
    bool: st.booleans(),
    int: st.sampled_from([0, 1, -1, 1300, 10**30]),
    float: st.sampled_from([0.0, 0.5, 1_760_000_000.125, -3.25]),
    bytes: st.sampled_from([b"", b"\x00\xff"]),
}


def classes_in(annotation: Any) -> set[type[Any]]:
    """The dataclasses that values of an annotation are made of."""
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        parts = [classes_in(hint) for hint in get_type_hints(annotation).values()]
        return {annotation}.union(*parts)
    return set().union(*(classes_in(each) for each in get_args(annotation)))


RECORDED = (Snapshot, model.InsideReading, model.AuditEntry)
CLASSES = sorted(set().union(*map(classes_in, RECORDED)), key=lambda made: made.__name__)


@cache
def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation; made once per class, small."""
    if isinstance(annotation, NewType):
        return values(annotation.__supertype__)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        first, *others = get_args(annotation)
        if others == [Ellipsis]:
            return st.lists(values(first), max_size=2).map(tuple)
        return st.tuples(values(first), *(values(each) for each in others))
    if get_origin(annotation) in {types.UnionType, Union}:
        return st.one_of(*(st.none() if each is types.NoneType else values(each) for each in get_args(annotation)))
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    return st.builds(annotation, **{name: values(hint) for name, hint in get_type_hints(annotation).items()})


def through_json(document: Any) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)
def test_every_value_in_a_snapshot_comes_back_and_so_does_each_change(made: type[Any]) -> None:
    codec: Codec[Any] = Codec(made)
    annotation: Any = made

    @settings(max_examples=20)
    @given(before=values(annotation), after=values(annotation))
    def comes_back(before: Any, after: Any) -> None:
        assert codec.decode(through_json(codec.encode(after))) == after
        assert codec.apply(before, through_json(codec.change(before, after))) == after

    comes_back()


def test_stations_of_an_upgrade_change_into_each_other() -> None:
    codec = Codec(Snapshot)
    stations = [fakes.idle(), fakes.partly_ready(), fakes.go(), fakes.halted(), fakes.waiting_for_quorum()]
    stations += [fakes.committed(), fakes.chain_down(), fakes.node_down(), fakes.called(), fakes.idle()]
    for before, after in pairwise(stations):
        change = through_json(codec.change(before, after))
        assert codec.apply(before, change) == after
    small = dataclasses.replace(stations[2], taken_at=fakes.NOW + 1, height=1278)
    assert len(json.dumps(codec.change(stations[2], small))) < 60


def test_fields_of_later_versions_are_dropped_and_missing_ones_have_their_default() -> None:
    codec = Codec(Snapshot)
    document = through_json(codec.encode(fakes.go()))
    document["mood"] = {"calm": True}
    document["chain"]["proposals"][0]["colour"] = "red"
    del document["chain"]["proposals"][0]["rollback_power"]
    assert codec.decode(document) == fakes.go()


BROKEN: list[tuple[tuple[Any, ...], Any, str]] = [
    (("height",), "1300", "Snapshot.height is not a whole number"),
    (("height",), True, "Snapshot.height is not a whole number"),
    (("height",), 1 << 256, "Snapshot.height is not a whole number"),
    (("taken_at",), None, "Snapshot.taken_at is not a finite number"),
    (("taken_at",), 1e300, "Snapshot.taken_at is not a finite number"),
    (("chain",), [], "Snapshot.chain is no object"),
    (("chain", "validators"), {}, "Snapshot.chain.validators is no list"),
    (("chain", "validators", 1), 7, "Snapshot.chain.validators.1 is no object"),
    (("chain", "validators", 1, "power"), 1.5, "Snapshot.chain.validators.1.power is not a whole number"),
    (("chain", "proposals", 0, "status"), 99, "Snapshot.chain.proposals.0.status is a word or number that this"),
    (("chain", "proposals", 0, "status"), [], "Snapshot.chain.proposals.0.status is a word or number that this"),
    (("chain", "proposals", 0, "breaking"), 1, "Snapshot.chain.proposals.0.breaking is neither true nor false"),
    (("network",), {"name": "x"}, "Snapshot.network.kind is missing"),
    (("node", "note"), 3, "Snapshot.node.note is no text"),
]


@pytest.mark.parametrize(("path", "value", "words"), BROKEN)
def test_what_does_not_fit_is_refused_with_its_place(path: tuple[Any, ...], value: Any, words: str) -> None:
    document = through_json(Codec(Snapshot).encode(fakes.go()))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(RecordingError) as caught:
        Codec(Snapshot).decode(document)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"~": []},
        {"~": {"chain": {"~": {"validators": {"~": {"9": {}}}}}}},
        {"~": {"chain": {"~": {"validators": {"~": {"-1": {}}}}}}},
        {"~": {"chain": {"~": {"validators": {"~": {"²": {}}}}}}},
        {"~": {"chain": {"~": {"validators": {}}}}},
        {"~": {"upgrade": {"~": 1}}},
        [],
        None,
    ],
)
def test_a_change_that_does_not_fit_is_refused(change: Any) -> None:
    with pytest.raises(RecordingError):
        Codec(Snapshot).apply(fakes.go(), change)


def test_every_text_of_a_file_passes_the_first_wall() -> None:
    document = through_json(Codec(Snapshot).encode(fakes.go()))
    for text in (*HOSTILE, "x" * (MAX_TEXT + 9)):
        document["chain_problem"] = document["node"]["note"] = document["chain"]["nodes"][0]["url"] = text
        decoded = Codec(Snapshot).decode(document)
        assert decoded.chain is not None
        assert decoded.node is not None
        for shown in (decoded.chain_problem, decoded.node.note, decoded.chain.nodes[0].url):
            assert harmless(shown)
            assert len(shown) <= MAX_TEXT * 8


def test_a_number_that_is_none_is_not_written() -> None:
    with pytest.raises(RecordingError, match=r"Snapshot\.age_s is not a finite number"):
        Codec(Snapshot).encode(dataclasses.replace(fakes.go(), age_s=float("inf")))


def test_what_has_no_way_to_be_written_is_a_mistake_in_the_code() -> None:
    with pytest.raises(TypeError, match="object"):
        Codec(model.RegistryCall)

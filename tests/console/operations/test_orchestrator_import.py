"""`orchestrator-config.yaml`: the strategy document's own example, and everything that is refused."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import InputError
from console.node.live_settings import LiveSettings
from console.node_settings import NodeSettings
from console.operations.orchestrator_import import MAX_BYTES, imported_changes, read_orchestrator_config
from tests.console.operations.examples import a_node_settings

DOCUMENT = """\
# orchestrator-config.yaml
fendermint:
  binary_path: /usr/local/bin/fendermint
  data_dir: ~/.fendermint
  auto_download: true
  binary_registry: https://gateway.example/ipfs/bafy

upgrade:
  auto_apply: true
  backup_enabled: true
  rollback_on_failure: true
  max_downtime: 60s
"""
"""As in the strategy document §2.1, whose registry is `ipfs://...`."""


@pytest.fixture
def node(tmp_path: Path) -> NodeSettings:
    return a_node_settings(tmp_path, home=Path.home() / ".fendermint")


def changes(text: str, node: NodeSettings) -> list[tuple[str, str, str]]:
    return [(each.key, each.old, each.new) for each in imported_changes(text, node)]


def refused(text: str, node: NodeSettings) -> str:
    with pytest.raises(InputError) as caught:
        imported_changes(text, node)
    assert "nothing was changed" in str(caught.value)
    return caught.value.what


def test_the_documents_file_is_imported(node: NodeSettings) -> None:
    assert changes(DOCUMENT, node) == [
        ("binary_path", "", "/usr/local/bin/fendermint"),
        ("mirror", "", "https://gateway.example/ipfs/bafy"),
        ("max_downtime_s", "5m", "1m"),
    ]


def test_what_is_imported_can_be_set(node: NodeSettings, tmp_path: Path) -> None:
    node.state_dir.mkdir(parents=True)
    live = LiveSettings(node, lambda kind, **detail: None)
    found = imported_changes(DOCUMENT.replace("auto_apply: true", "auto_apply: false"), live.settings)
    live.set_many([(each.key, each.new) for each in found], who="uid 0")
    assert not live.settings.automatic
    assert live.settings.max_downtime_s == 60.0
    assert imported_changes(DOCUMENT.replace("auto_apply: true", "auto_apply: false"), live.settings) == ()


def test_every_problem_is_told_at_once(node: NodeSettings) -> None:
    told = refused(
        """\
fendermint:
  binary_registry: ipfs://bafy
  data_dir: /srv/other
  auto_downlaod: true
upgrade:
  auto_apply: yes
  backup_enabled: "true"
  max_downtime: soon
  max_downtime: 60s
  rollback_on_failure:
upgrades:
  auto_apply: true
""",
        node,
    )
    for words in (
        "line 2: fendermint.binary_registry must be an http or https URL (for IPFS that of a gateway), not 'ipfs://bafy'",
        "line 3: fendermint.data_dir is '/srv/other', but this node's home is",
        "line 4: there is no setting 'fendermint.auto_downlaod' (did you mean fendermint.auto_download?)",
        "line 6: upgrade.auto_apply must be true or false, not 'yes'",
        "line 7: upgrade.backup_enabled must be true or false without quotes",
        "line 8: upgrade.max_downtime must be a duration",
        "line 9: 'upgrade.max_downtime' is there twice",
        "line 10: upgrade.rollback_on_failure must be given a value",
        "line 11: there is no section 'upgrades' (did you mean upgrade?)",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it says nothing"),
        ("# nothing\n", "it says nothing"),
        ("--- {}\n", "it says nothing"),
        ("just text", "must have the sections fendermint and upgrade"),
        ("- upgrade", "lists are not used here"),
        ("upgrade: [1]", "lists are not used here"),
        ("upgrade: true", "section 'upgrade' must be a table"),
        ("upgrade:\n  auto_apply:\n    now: true\n", "'auto_apply' must be one value, not a table"),
        ("? {a: b}\n: c\n", "a name must be one value"),
        ("a: &x 1\nb: *x\n", "anchors and aliases are not used here"),
        ("upgrade: &x\n  auto_apply: true\nfendermint: *x\n", "anchors and aliases"),
        ("upgrade:\n  <<: {auto_apply: true}\n", "there is no setting 'upgrade.<<'"),
        ("upgrade:\n  auto_apply: !!python/object/apply:os.system ['true']\n", "tags are not used here"),
        ("upgrade:\n  max_downtime: !!str 60s\n", "tags are not used here"),
        ("upgrade: {}\n---\nupgrade: {}\n", "a second document"),
        ("upgrade: {}\nupgrade: {}\n", "section 'upgrade' is there twice"),
        ("upgrade:\n\tauto_apply: true\n", "line 2: not YAML"),
        ("upgrade: {auto_apply: true", "not YAML"),
        ("upgrade:\n  max_downtime: 1:30\n", "must be a duration"),
        ("upgrade:\n  max_downtime: ~\n", "must be given a value"),
        ("fendermint:\n  binary_path: ~\n", "must be given a value"),
        ("fendermint:\n  binary_path: bin/fendermint\n", "an absolute path"),
        ("upgrade: \x00", "not YAML"),
        ("[" * 50_000, "lists are not used here|not YAML"),
        ("{" * 50_000, "must be one value|not YAML"),
        ("upgrade:\n" + "".join(f"  k{number}: 1\n" for number in range(50)), "and 30 more"),
        ("upgrade:\n  '\x1b[2J': 1\n", r"not YAML|\\x1b"),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_not_of_that_shape_is_refused(text: str, words: str, node: NodeSettings) -> None:
    told = refused(text, node)
    assert re.search(words, told)
    assert "\x1b" not in told


def test_home_is_expanded_and_compared(node: NodeSettings) -> None:
    assert changes("fendermint:\n  data_dir: ~/.fendermint/\n", node) == []
    assert changes(f"fendermint:\n  data_dir: '{node.home}'\n", node) == []
    assert changes("fendermint:\n  binary_path: ~/bin/fendermint\n", node) == [
        ("binary_path", "", str(Path.home() / "bin/fendermint"))
    ]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(st.sampled_from("upgrade:auto_ply\n \t{}[]&*!|>'\"%@#-?,~\x00é1")))
def test_no_text_breaks_the_import(text: str) -> None:
    with suppress(InputError):
        imported_changes(text, a_node_settings(Path("/srv")))


def test_the_file_is_read_with_care(tmp_path: Path) -> None:
    good = tmp_path / "orchestrator-config.yaml"
    good.write_text("\ufeff" + DOCUMENT)
    assert read_orchestrator_config(good) == DOCUMENT
    large, binary, fifo = (tmp_path / name for name in ("large", "binary", "fifo"))
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    binary.write_bytes(b"upgrade: \xff")
    os.mkfifo(fifo)
    for path, words in (
        (large, "larger than"),
        (binary, "not UTF-8"),
        (fifo, "is no file"),
        (tmp_path, "is no file|Is a directory"),
        (tmp_path / "none", "there is no file"),
    ):
        with pytest.raises(InputError, match=words):
            read_orchestrator_config(path)

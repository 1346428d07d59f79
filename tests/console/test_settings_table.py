"""The table of settings: complete, without two meanings of one name, and every value can be typed as it is shown."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import InputError
from console.node_settings import NodeSettings
from console.ports.keys import KeyReference
from console.quantities import parse_duration
from console.settings_table import SETTINGS, Effect, Setting, default_text, find_setting, parse_value
from tests.console.operations.examples import a_node_settings

CONTROLLERS_OWN = {"name", "written"}
"""Fields that nobody sets: the node's name is its table's, and `written` is about the file."""


def test_the_table_has_every_field_and_no_other() -> None:
    fields = {field.name for field in dataclasses.fields(NodeSettings)} - CONTROLLERS_OWN
    assert {setting.key for setting in SETTINGS} == fields
    assert len(SETTINGS) == len(fields)


def test_no_name_means_two_settings() -> None:
    names = [name for setting in SETTINGS for name in setting.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("upgrade.auto_apply", "automatic"),
        ("upgrade.backup_enabled", "backup_enabled"),
        ("upgrade.rollback_on_failure", "rollback_on_failure"),
        ("upgrade.max_downtime", "max_downtime_s"),
        ("fendermint.auto_download", "auto_download"),
        ("fendermint.binary_path", "binary_path"),
        ("fendermint.data_dir", "home"),
        ("fendermint.binary_registry", "mirror"),
        ("binary_registry", "mirror"),
        ("max_downtime_s", "max_downtime_s"),
    ],
)
def test_the_strategy_documents_names_are_known(name: str, key: str) -> None:
    assert find_setting(name).key == key


def test_an_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no setting 'upgrade\.auto_aply' \(did you mean upgrade\.auto_apply\?\)"):
        find_setting("upgrade.auto_aply")
    with pytest.raises(InputError, match=r"no setting '\\x1b\[2J'"):
        find_setting("\x1b[2J")


def test_one_height_is_typed_without_brackets() -> None:
    assert parse_value(find_setting("skip_upgrade_heights"), "5000") == (5000,)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_what_is_shown_can_be_typed_and_written(setting: Setting, tmp_path: Path) -> None:
    node = a_node_settings(
        tmp_path,
        companions={"cometbft": Path("/usr/bin/comet bft")},
        containers={"app": "val-fendermint"},
        environment={"RUST_LOG": 'a="b",\\\x7f\né'},
        skip_upgrade_heights=(5, 7),
        binary_path=tmp_path,
        custom_preupgrade="pre/upgrade.sh",
        mirror=("https://a.example/x", 'https://b.example/"'),
        ipfs_gateways=("https://{cid}.ipfs.example",),
    )
    text = setting.shown(node)
    assert setting.kind.parse(text) == setting.of(node)
    document = tomlkit.parse(tomlkit.dumps({"x": setting.kind.to_toml(setting.of(node))})).unwrap()
    assert setting.kind.decode(document["x"]) == setting.of(node)


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("automatic", "yes", "automatic must be true or false, not 'yes'"),
        ("automatic", "True", "true or false"),
        ("automatic", "", "true or false"),
        ("automatic", "true\nx = 1", "true or false"),
        ("automatic", "[" * 5000, "true or false"),
        ("keep_points", "0", "a whole number from 1 to 100"),
        ("keep_points", "true", "a whole number"),
        ("keep_points", "2.0", "a whole number"),
        ("query_interval_blocks", "0", "from 1 to 10000"),
        ("max_downtime_s", "soon", "max_downtime_s must be a duration"),
        ("startup_timeout_s", "0.5s", "at least 1s"),
        ("shutdown_grace_s", "0", "at least 1s"),
        ("mirror", "ipfs://Qm", "an http or https URL"),
        ("mirror", "https://a:b", "an http or https URL"),
        ("mirror", '["https://a.example", "ftp://b.example"]', "an http or https URL"),
        ("mirror", '["https://a.example"', "an http or https URL"),
        ("mirror", "[5]", "an http or https URL"),
        ("ipfs_gateways", "{ a = 5 }", "an http or https URL"),
        ("local_downloads", "yes", "true or false"),
        ("binary_path", "releases/v2", "an absolute path"),
        ("binary_path", "~no-such-user-here/x", "unknown user"),
        ("custom_preupgrade", "../evil.sh", "inside <home>/cosmovisor"),
        ("custom_preupgrade", "/bin/sh", "inside <home>/cosmovisor"),
        ("skip_upgrade_heights", "[0]", "a list of heights"),
        ("skip_upgrade_heights", "-5", "a list of heights"),
        ("skip_upgrade_heights", "true", "a list of heights"),
        ("rollback_space_margin_bytes", "2 GB", "a size"),
        ("environment", '{ FM_HALT_HEIGHT = "5" }', "without FM_HALT_HEIGHT"),
        ("environment", '{ "a b" = "5" }', "variable names"),
        ("environment", "{ A = 5 }", "variable names"),
        ("companions", '{ cometbft = "bin/cometbft" }', "absolute paths"),
        ("companions", '{ "../x" = "/bin/x" }', "absolute paths"),
        ("containers", '{ app = "a b" }', "names of containers"),
        ("containers", "{ app = 5 }", "names of containers"),
        ("daemon", "bin/fendermint", "without a folder"),
        ("shape", "round", "embedded, fendermint, docker or cosmos"),
    ],
)
def test_a_value_that_is_not_acceptable_is_one_sentence(key: str, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_value(find_setting(key), text)
    assert words in str(caught.value)
    assert "nothing was changed" in str(caught.value)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.sampled_from(SETTINGS), st.text() | st.sampled_from(["{", "[[", "'''", "1979-05-27", "nan", "0x1_0", "{a.b=1}"])
)
def test_no_text_breaks_the_parser(setting: Setting, text: str) -> None:
    with suppress(InputError):
        value = parse_value(setting, text)
        assert setting.kind.parse(setting.kind.show(value)) == value


JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.sampled_from(SETTINGS), JSON_LIKE)
def test_no_toml_value_breaks_the_parser(setting: Setting, value: Any) -> None:
    with suppress(ValueError):
        kept = setting.kind.decode(value)
        assert setting.kind.parse(setting.kind.show(kept)) == kept


def test_defaults_are_in_words_that_can_be_typed() -> None:
    assert default_text(find_setting("max_downtime_s")) == "`5m`"
    assert parse_duration("5m") == 300
    assert default_text(find_setting("rollback_space_margin_bytes")) == "`2 GiB`"
    assert default_text(find_setting("home")) == "required"
    assert default_text(find_setting("binary_path")) == "none"


def test_every_effect_has_its_sentence_and_its_settings() -> None:
    assert all(effect.sentence for effect in Effect)
    assert {setting.effect for setting in SETTINGS} == set(Effect)


def test_who_the_node_is_cannot_be_changed_live() -> None:
    fixed = {setting.key for setting in SETTINGS if setting.effect is Effect.FILE}
    assert {"home", "state_dir", "daemon", "arguments", "address", "shape", "runtime", "environment"} <= fixed


def test_a_key_is_shown_by_its_path_only(tmp_path: Path) -> None:
    node = a_node_settings(tmp_path, operator_key=KeyReference(tmp_path / "k"))
    assert find_setting("operator_key").shown(node) == str(tmp_path / "k")


def test_rollback_points_are_in_the_state_folder_unless_said_otherwise(tmp_path: Path) -> None:
    node = a_node_settings(tmp_path)
    assert node.points_dir == node.state_dir / "backups"
    assert dataclasses.replace(node, backup_dir=tmp_path).points_dir == tmp_path


def test_one_url_and_several_are_typed_as_each_is_shortest() -> None:
    kind = find_setting("mirror").kind
    assert kind.parse("") == ()
    assert kind.parse("https://a.example") == ("https://a.example",)
    assert kind.parse('["https://a.example", "https://b.example"]') == ("https://a.example", "https://b.example")
    assert kind.parse("[]") == ()
    assert kind.to_toml(("https://a.example",)) == "https://a.example"
    assert kind.to_toml(("https://a.example", "https://b.example")) == ["https://a.example", "https://b.example"]

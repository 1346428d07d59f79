"""A full node beside a validator: fresh keys, moved ports, and no byte of a key of the source (issue 3)."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from Crypto.PublicKey import ECC
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.fresh_keys import ED25519, SECP256K1, FreshKey, _ed25519, fresh_key, secrets_in
from console.node.full_node import FullNode, set_up_full_node

SECRET = hashlib.sha256(b"the validator's own").digest()
NETWORK_SECRET = hashlib.sha256(b"the resolver's").digest()
OPERATOR_SECRET = hashlib.sha256(b"the operator's").digest()
PEER = _ed25519(hashlib.sha256(b"the peer's").digest())

COMET = """\
# The name that peers see.
proxy_app = "tcp://127.0.0.1:26658"
moniker = "validator-1"  # shown in net_info
db_dir = "data"
genesis_file = "config/genesis.json"
priv_validator_key_file = "{home}/cometbft/config/priv_validator_key.json"
priv_validator_state_file = "{home}/cometbft/data/priv_validator_state.json"
priv_validator_laddr = "{remote}"
node_key_file = "config/node_key.json"

[rpc]
laddr = "tcp://0.0.0.0:26657"
grpc_laddr = ""
pprof_laddr = "localhost:6060"
tls_key_file = "{home}/tls.pem"

[p2p]
laddr = "tcp://0.0.0.0:26656"
external_address = "203.0.113.7:26656"
persistent_peers = "{peers}"
allow_duplicate_ip = false

[consensus]
wal_file = "data/cs.wal/wal"
timeout_commit = "1s"
double_sign_check_height = 10

[instrumentation]
prometheus_listen_addr = ":26660"
"""
FENDERMINT = """\
# Block height where we should gracefully stop the node.
halt_height = 15000
home_dir = "{home}/fendermint"
data_dir = "data"
tendermint_rpc_url = "http://127.0.0.1:26657"
tendermint_websocket_url = "ws://127.0.0.1:26657/websocket"

[abci.listen]
host = "127.0.0.1"
port = 26658

[eth.listen]
host = "0.0.0.0"
port = 8545

[metrics.listen]
host = "127.0.0.1"
port = 9184

[resolver.connection]
listen_addr = "/ip4/0.0.0.0/tcp/26655"

[validator_key]
path = "validator.sk"
kind = "regular"

[ipc.topdown]
parent_http_endpoint = "https://parent.example:1234/rpc/v1"
"""
PEERS = f"{'ab' * 20}@203.0.113.9:26656"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def secp_file() -> dict[str, Any]:
    public = PrivateKey(SECRET).public_key.format()
    return {
        "address": FreshKey(SECP256K1, SECRET, public).address,
        "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": b64(public)},
        "priv_key": {"type": "tendermint/PrivKeySecp256k1", "value": b64(SECRET)},
    }


def write(path: Path, content: str | bytes | dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def ipc_home(home: Path, *, remote: str = "") -> Path:
    comet, fendermint = home / "cometbft", home / "fendermint"
    write(comet / "config" / "config.toml", COMET.format(home=home, remote=remote, peers=PEERS))
    genesis = {"chain_id": "ipc-test", "validators": [{"pub_key": secp_file()["pub_key"], "power": "10"}]}
    write(comet / "config" / "genesis.json", genesis)
    write(comet / "config" / "addrbook.json", {"key": "00" * 12, "addrs": []})
    write(comet / "config" / "node_key.json", PEER.node_file())
    if not remote:
        write(comet / "config" / "priv_validator_key.json", secp_file())
    write(comet / "data" / "priv_validator_state.json", {"height": "999", "round": 0, "step": 3})
    write(comet / "data" / "state.db", b"\0" * 100)
    write(fendermint / "config" / "default.toml", FENDERMINT.format(home=home))
    write(fendermint / "config" / "local.toml", "halt_height = 15000\n")
    write(fendermint / "validator.sk", b64(SECRET))
    write(fendermint / "validator.pk", secp_file()["pub_key"]["value"])
    write(fendermint / "keys" / "network.sk", NETWORK_SECRET)
    write(home / "operator.key", f"0x{OPERATOR_SECRET.hex()}\n")
    write(
        home / "tls.pem",
        "-----BEGIN PRIVATE KEY-----\n" + b64(OPERATOR_SECRET + SECRET) + "\n-----END PRIVATE KEY-----\n",
    )
    return home


def sdk_home(home: Path) -> Path:
    key = _ed25519(SECRET)
    write(home / "config" / "config.toml", COMET.format(home=home, remote="", peers="").replace("/cometbft", ""))
    write(
        home / "config" / "app.toml",
        'halt-height = 77\n[api]\naddress = "tcp://localhost:1317"\n[grpc]\naddress = "localhost:9090"\n',
    )
    write(home / "config" / "client.toml", 'chain-id = "v-1"\nnode = "tcp://localhost:26657"\n')
    write(home / "config" / "genesis.json", {"chain_id": "v-1"})
    write(home / "config" / "node_key.json", PEER.node_file())
    write(home / "config" / "priv_validator_key.json", key.validator_file())
    write(home / "data" / "priv_validator_state.json", {"height": "999", "round": 0, "step": 3})
    return home


def all_bytes(home: Path) -> dict[Path, bytes]:
    return {path.relative_to(home): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def made(tmp_path: Path, source: Path, **more: Any) -> FullNode:
    return set_up_full_node(source, tmp_path / "full", moniker="reader", **more)


def refused(tmp_path: Path, source: Path, **more: Any) -> str:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(NodeError) as caught:
        made(tmp_path, source, **more)
    assert sorted(tmp_path.iterdir()) == before
    assert caught.value.safe == "nothing was created"
    return caught.value.what


class TestKeys:
    @pytest.mark.parametrize("build", [ipc_home, sdk_home])
    def test_no_byte_of_a_secret_of_the_source_appears_anywhere_in_the_new_home(
        self, tmp_path: Path, build: Any
    ) -> None:
        source = build(tmp_path / "source")
        made(tmp_path, source)
        for secret in (SECRET, NETWORK_SECRET, OPERATOR_SECRET, PEER.secret):
            for path, content in all_bytes(tmp_path / "full").items():
                # Windows of eight bytes in every spelling: also a cut-off piece would be found.
                for spelling in (
                    secret,
                    secret.hex().encode(),
                    secret.hex().upper().encode(),
                    base64.b64encode(secret)[:-4],
                ):
                    assert not any(spelling[at : at + 8] in content for at in range(len(spelling) - 7)), path

    @pytest.mark.parametrize(("build", "kind"), [(ipc_home, "Secp256k1"), (sdk_home, "Ed25519")])
    def test_the_new_key_is_of_the_sources_kind_and_another_one(self, tmp_path: Path, build: Any, kind: str) -> None:
        source = build(tmp_path / "source")
        node = made(tmp_path, source)
        (path,) = (tmp_path / "full").rglob("priv_validator_key.json")
        (old,) = source.rglob("priv_validator_key.json")
        new, before = json.loads(path.read_text()), json.loads(old.read_text())
        assert new["priv_key"]["type"] == f"tendermint/PrivKey{kind}" == before["priv_key"]["type"]
        assert new["pub_key"]["value"] != before["pub_key"]["value"]
        assert node.consensus_address == new["address"] != before["address"]
        secret, public = (base64.b64decode(new[half]["value"]) for half in ("priv_key", "pub_key"))
        if kind == "Secp256k1":
            assert PrivateKey(secret).public_key.format() == public
        else:
            construct: Any = ECC.construct
            assert construct(curve="Ed25519", seed=secret[:32]).public_key().export_key(format="raw") == public
            assert secret[32:] == public

    def test_two_full_nodes_have_different_keys(self, tmp_path: Path) -> None:
        source = ipc_home(tmp_path / "source")
        one = set_up_full_node(source, tmp_path / "one", moniker="one")
        two = set_up_full_node(source, tmp_path / "two", moniker="two", port_offset=2000)
        assert one.node_id != two.node_id
        assert one.consensus_address != two.consensus_address

    def test_the_signer_state_is_that_of_a_key_that_never_signed(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source"))
        state = tmp_path / "full" / "cometbft" / "data" / "priv_validator_state.json"
        assert json.loads(state.read_text()) == {"height": "0", "round": 0, "step": 0}
        assert [path.name for path in state.parent.iterdir()] == ["priv_validator_state.json"]

    def test_the_remote_signer_of_the_source_is_not_asked_by_the_new_node(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source", remote="tcp://127.0.0.1:26659"))
        comet = tmp_path / "full" / "cometbft" / "config"
        assert toml(comet / "config.toml")["priv_validator_laddr"] == ""
        assert json.loads((comet / "priv_validator_key.json").read_text())["priv_key"]["type"].endswith("Secp256k1")

    def test_fendermint_gets_no_validator_key_and_a_fresh_file_where_one_is_wanted(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source"))
        home = tmp_path / "full" / "fendermint"
        assert "validator_key" not in toml(home / "config" / "default.toml")
        key = json.loads((tmp_path / "full/cometbft/config/priv_validator_key.json").read_text())
        assert (home / "validator.sk").read_text() == key["priv_key"]["value"]
        assert not (home / "keys").exists()

    @pytest.mark.parametrize(
        "secret", [b64(SECRET), SECRET.hex(), b64(PEER.secret), b64(NETWORK_SECRET), "0x" + OPERATOR_SECRET.hex()]
    )
    def test_a_key_inside_the_settings_is_found_and_nothing_is_created(self, tmp_path: Path, secret: str) -> None:
        source = ipc_home(tmp_path / "source")
        write(source / "fendermint" / "config" / "local.toml", f'spare = "{secret}"\n')
        assert "local.toml would carry a secret key" in refused(tmp_path, source)

    def test_a_key_inside_the_genesis_file_is_found(self, tmp_path: Path) -> None:
        source = ipc_home(tmp_path / "source")
        write(source / "cometbft" / "config" / "genesis.json", {"app_state": ["x" * 100_000, b64(SECRET)]})
        assert "genesis.json would carry a secret key" in refused(tmp_path, source)

    def test_only_the_owner_may_read_the_new_keys(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source"))
        home = tmp_path / "full"
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        for name in ("priv_validator_key.json", "node_key.json", "config.toml", "default.toml", "validator.sk"):
            (path,) = home.rglob(name)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.binary(max_size=40))
    def test_a_secret_is_found_in_whatever_it_is_wrapped(
        self, tmp_path_factory: pytest.TempPathFactory, secret: bytes, before: bytes, after: bytes
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "wrapped.sk"
        for content in (secret, b64(secret).encode(), secret.hex().encode(), b"0x" + secret.hex().encode() + b"\n"):
            path.write_bytes(content)
            forms = secrets_in([path])
            for written in (secret, secret.hex().encode(), b64(secret).encode()):
                assert any(form in before + written + after for form in forms), (content, written)


class TestSettings:
    def test_every_port_moves_and_listens_on_loopback(self, tmp_path: Path) -> None:
        node = made(tmp_path, ipc_home(tmp_path / "source"))
        comet = toml(tmp_path / "full" / "cometbft" / "config" / "config.toml")
        fendermint = toml(tmp_path / "full" / "fendermint" / "config" / "default.toml")
        assert comet["rpc"]["laddr"] == "tcp://127.0.0.1:27657"
        assert comet["rpc"]["pprof_laddr"] == "127.0.0.1:7060"
        assert comet["p2p"]["laddr"] == "tcp://127.0.0.1:27656"
        assert comet["proxy_app"] == "tcp://127.0.0.1:27658"
        assert comet["instrumentation"]["prometheus_listen_addr"] == "127.0.0.1:27660"
        assert fendermint["tendermint_rpc_url"] == "http://127.0.0.1:27657"
        assert fendermint["tendermint_websocket_url"] == "ws://127.0.0.1:27657/websocket"
        assert fendermint["abci"]["listen"] == {"host": "127.0.0.1", "port": 27658}
        assert fendermint["eth"]["listen"] == {"host": "127.0.0.1", "port": 9545}
        assert fendermint["metrics"]["listen"]["port"] == 10184
        assert fendermint["resolver"]["connection"]["listen_addr"] == ""
        assert fendermint["ipc"]["topdown"]["parent_http_endpoint"] == "https://parent.example:1234/rpc/v1"
        assert dict(node.ports) == {old: old + 1000 for old in (6060, 8545, 9184, 26656, 26657, 26658, 26660)}

    def test_nothing_points_back_into_the_source(self, tmp_path: Path) -> None:
        source = ipc_home(tmp_path / "source")
        made(tmp_path, source)
        for path, content in all_bytes(tmp_path / "full").items():
            assert str(source).encode() not in content, path
            assert b".partial" not in content, path
        assert toml(tmp_path / "full/fendermint/config/default.toml")["home_dir"] == f"{tmp_path}/full/fendermint"

    def test_nothing_points_back_through_a_link_either(self, tmp_path: Path) -> None:
        real = ipc_home(tmp_path / "real")
        link = tmp_path / "link"
        link.symlink_to(real)
        write(real / "fendermint/config/default.toml", FENDERMINT.format(home=link))
        made(tmp_path, link)
        assert toml(tmp_path / "full/fendermint/config/default.toml")["home_dir"] == f"{tmp_path}/full/fendermint"

    def test_no_halt_height_comes_along(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source"))
        for name in ("default.toml", "local.toml"):
            assert toml(tmp_path / "full" / "fendermint" / "config" / name)["halt_height"] == 0

    def test_the_source_is_the_first_peer_and_its_own_address_is_not_told_to_others(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source"))
        p2p = toml(tmp_path / "full" / "cometbft" / "config" / "config.toml")["p2p"]
        assert p2p["persistent_peers"] == f"{PEER.peer_id}@127.0.0.1:26656,{PEERS}"
        assert p2p["external_address"] == ""
        assert p2p["allow_duplicate_ip"] is True
        assert not list((tmp_path / "full").rglob("addrbook.json"))

    def test_a_sentry_listens_for_peers_where_it_is_told(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source"), p2p_host="0.0.0.0")
        comet = toml(tmp_path / "full" / "cometbft" / "config" / "config.toml")
        assert comet["p2p"]["laddr"] == "tcp://0.0.0.0:27656"
        assert comet["rpc"]["laddr"] == "tcp://127.0.0.1:27657"

    def test_comments_and_other_settings_stay(self, tmp_path: Path) -> None:
        made(tmp_path, ipc_home(tmp_path / "source"))
        text = (tmp_path / "full" / "cometbft" / "config" / "config.toml").read_text()
        assert "# The name that peers see." in text
        assert 'moniker = "reader"  # shown in net_info' in text
        assert "double_sign_check_height = 10" in text

    def test_a_cosmos_chains_settings_move_too(self, tmp_path: Path) -> None:
        made(tmp_path, sdk_home(tmp_path / "source"))
        config = tmp_path / "full" / "config"
        assert toml(config / "app.toml") == {
            "halt-height": 0,
            "api": {"address": "tcp://127.0.0.1:2317"},
            "grpc": {"address": "127.0.0.1:10090"},
        }
        assert toml(config / "client.toml")["node"] == "tcp://localhost:27657"
        assert toml(config / "config.toml")["moniker"] == "reader"

    def test_settings_without_a_moniker_get_one(self, tmp_path: Path) -> None:
        source = sdk_home(tmp_path / "source")
        write(source / "config" / "config.toml", '[rpc]\nladdr = "tcp://127.0.0.1:26657"\n')
        made(tmp_path, source)
        assert toml(tmp_path / "full" / "config" / "config.toml")["moniker"] == "reader"

    def test_nothing_in_the_source_is_changed(self, tmp_path: Path) -> None:
        source = ipc_home(tmp_path / "source")
        before = all_bytes(source)
        made(tmp_path, source)
        assert all_bytes(source) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "source"]


class TestRefuses:
    def test_a_target_that_exists_in_any_way(self, tmp_path: Path) -> None:
        source = ipc_home(tmp_path / "source")
        target = tmp_path / "full"
        target.mkdir()
        assert "exists already" in refused(tmp_path, source)
        target.rmdir()
        target.symlink_to("nowhere")
        assert "exists already" in refused(tmp_path, source)

    def test_homes_inside_each_other(self, tmp_path: Path) -> None:
        source = ipc_home(tmp_path / "source")
        for target in (source / "full", source / "fendermint" / "full"):
            with pytest.raises(NodeError, match="lies inside"):
                set_up_full_node(source, target, moniker="x")
        (tmp_path / "link").symlink_to(source)
        with pytest.raises(NodeError, match="lies inside"):
            set_up_full_node(source, tmp_path / "link" / "full", moniker="x")

    def test_a_folder_that_is_no_home(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert "is no node's home" in refused(tmp_path, tmp_path / "empty")

    @pytest.mark.parametrize(
        ("offset", "why"), [(0, "both nodes"), (1, "both nodes"), (60000, "no port"), (-30000, "no port")]
    )
    def test_ports_that_cannot_be(self, tmp_path: Path, offset: int, why: str) -> None:
        assert why in refused(tmp_path, ipc_home(tmp_path / "source"), port_offset=offset)

    @pytest.mark.parametrize("moniker", ["", "x" * 71, "a\x1b[2J", "line\nbreak"])
    def test_a_name_that_is_none(self, tmp_path: Path, moniker: str) -> None:
        with pytest.raises(NodeError, match="moniker"):
            set_up_full_node(ipc_home(tmp_path / "source"), tmp_path / "full", moniker=moniker)

    @pytest.mark.parametrize(
        ("path", "content", "why"),
        [
            ("cometbft/config/config.toml", "a = = b", "is not TOML"),
            ("fendermint/config/local.toml", b"\xff\xfe", "is not TOML"),
            ("cometbft/config/priv_validator_key.json", "{", "not a validator key file"),
            ("cometbft/config/priv_validator_key.json", "{}", "not a validator key file"),
            ("cometbft/config/node_key.json", "x" * 100_000, "too large for a key"),
        ],
    )
    def test_damaged_files(self, tmp_path: Path, path: str, content: str | bytes, why: str) -> None:
        source = ipc_home(tmp_path / "source")
        write(source / path, content)
        assert why in refused(tmp_path, source)

    def test_a_missing_genesis_file(self, tmp_path: Path) -> None:
        source = ipc_home(tmp_path / "source")
        (source / "cometbft" / "config" / "genesis.json").unlink()
        assert "genesis.json is missing" in refused(tmp_path, source)


def test_fresh_keys_never_repeat_and_do_not_show_their_secret() -> None:
    for kind in (SECP256K1, ED25519):
        keys = [fresh_key(kind) for _ in range(20)]
        assert len({key.secret for key in keys}) == 20
        assert all(len(key.secret) == 32 and len(key.address) == 40 for key in keys)
        assert keys[0].secret.hex() not in repr(keys[0])
        assert repr(keys[0].secret) not in repr(keys[0])

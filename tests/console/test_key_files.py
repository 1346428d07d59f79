"""Files of keys: raw, keystores of version 3 and ipc-cli's list; what is refused, and that nothing leaks."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from console.key_files import DEFAULT_KEY, WrongPassphrase, address_of, find_key, open_keystore
from console.private_file import Refused

SECRET = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"
OTHER_SECRET = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
OTHER = "70997970c51812dc3a010c7d01b50e0d17dc79c8"
PASSPHRASE = b"correct horse"

SCRYPT = Account.encrypt(bytes.fromhex(SECRET), PASSPHRASE.decode(), kdf="scrypt", iterations=1024)
PBKDF2 = Account.encrypt(bytes.fromhex(SECRET), PASSPHRASE.decode(), kdf="pbkdf2", iterations=1000)
IPC_CLI = [
    {"address": "0x" + ADDRESS, "private_key": SECRET},
    {"address": "0x" + OTHER, "private_key": OTHER_SECRET},
    {"address": DEFAULT_KEY, "private_key": SECRET},
]

# https://github.com/ethereum/wiki/wiki/Web3-Secret-Storage-Definition: the two test vectors of the format itself.
VECTOR_SECRET = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
VECTORS: dict[str, dict[str, Any]] = {
    "pbkdf2": {
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
            "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "kdf": "pbkdf2",
            "kdfparams": {
                "c": 262144,
                "dklen": 32,
                "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
            },
            "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    },
    "scrypt": {
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
            "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
            "kdf": "scrypt",
            "kdfparams": {
                "dklen": 32,
                "n": 262144,
                "p": 8,
                "r": 1,
                "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
            },
            "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    },
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "UTC--2026-01-01--key"


def write(path: Path, content: object, mode: int = 0o600) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return str(path)


def refusal(path: str, wanted: str = "") -> str:
    with pytest.raises(Refused) as caught:
        find_key(path, wanted)
    sentence = str(caught.value)
    assert SECRET not in sentence
    assert OTHER_SECRET not in sentence
    assert sentence.isprintable()
    return sentence


class TestKeystores:
    @pytest.mark.parametrize("keystore", [SCRYPT, PBKDF2], ids=["scrypt", "pbkdf2"])
    def test_opened_with_its_passphrase_only(self, path: Path, keystore: dict[str, Any]) -> None:
        found = find_key(write(path, keystore))
        assert (found.kind, found.secret, found.address, found.warnings) == ("keystore", b"", ADDRESS, ())
        assert open_keystore(found, PASSPHRASE).hex() == SECRET
        for wrong in (b"", b"correct hors", PASSPHRASE + b" ", b"\xff\xfe"):
            with pytest.raises(WrongPassphrase, match="does not open"):
                open_keystore(found, wrong)

    @pytest.mark.parametrize("kdf", sorted(VECTORS))
    def test_the_vectors_of_the_format(self, path: Path, kdf: str) -> None:
        found = find_key(write(path, VECTORS[kdf]))
        assert found.address == ""
        assert open_keystore(found, b"testpassword").hex() == VECTOR_SECRET

    def test_the_form_is_found_by_content(self, path: Path) -> None:
        assert find_key(write(path, " \n" + json.dumps(SCRYPT))).kind == "keystore"
        assert find_key(write(path, IPC_CLI), DEFAULT_KEY).kind == "ipc-cli"
        assert find_key(write(path, "0x" + SECRET)).kind == "raw"

    def test_names_in_capitals_as_some_wallets_write_them(self, path: Path) -> None:
        capital = {"Crypto" if key == "crypto" else key: value for key, value in SCRYPT.items()}
        assert open_keystore(find_key(write(path, capital)), PASSPHRASE).hex() == SECRET

    def test_a_keystore_that_lies_about_its_address(self, path: Path) -> None:
        found = find_key(write(path, {**SCRYPT, "address": OTHER}))
        with pytest.raises(Refused, match="holds another key"):
            open_keystore(found, PASSPHRASE)

    def test_another_address_than_that_of_the_settings(self, path: Path) -> None:
        assert f"is that of 0x{ADDRESS}, not of the 0x{OTHER}" in refusal(write(path, SCRYPT), "0x" + OTHER)
        assert find_key(write(path, SCRYPT), "0x" + ADDRESS.upper()).address == ADDRESS
        assert "only that has a `default-key`" in refusal(write(path, SCRYPT), DEFAULT_KEY)

    def test_readable_by_others_is_warned_of(self, path: Path) -> None:
        (warning,) = find_key(write(path, SCRYPT, 0o644)).warnings
        assert "mode 0644: run `chmod 600`" in warning
        assert "others could put their own key there" in refusal(write(path, SCRYPT, 0o664))

    @pytest.mark.parametrize(
        "change",
        [
            {"version": 1},
            {"version": 4},
            {"version": "3"},
            {"version": True},
            {"version": None},
            {"crypto": None},
            {"crypto": {}},
            {"address": "0x12"},
            {"address": 7},
            {"VERSION": 3},
        ],
    )
    def test_other_keystores(self, path: Path, change: dict[str, Any]) -> None:
        refusal(write(path, SCRYPT | change))

    @pytest.mark.parametrize(
        "parameters",
        [
            {"n": 1 << 40},
            {"n": 1 << 24, "r": 8},
            {"n": 1000},
            {"n": 1},
            {"n": 0},
            {"n": -2},
            {"n": 1024.0},
            {"n": True},
            {"r": 0},
            {"r": 1 << 20},
            {"p": 0},
            {"p": 1 << 30},
            {"dklen": 16},
            {"dklen": 1 << 40},
            {"salt": ""},
            {"salt": "zz"},
            {"salt": None},
        ],
    )
    def test_parameters_that_would_eat_the_machine_or_cannot_work(self, path: Path, parameters: dict[str, Any]) -> None:
        keystore = copy.deepcopy(SCRYPT)
        keystore["crypto"]["kdfparams"].update(parameters)
        assert "is not one of scrypt or pbkdf2" in refusal(write(path, keystore))

    @pytest.mark.parametrize("parameters", [{"c": 0}, {"c": 1 << 40}, {"c": "1"}, {"prf": "hmac-sha1"}, {"prf": None}])
    def test_parameters_of_pbkdf2(self, path: Path, parameters: dict[str, Any]) -> None:
        keystore = copy.deepcopy(PBKDF2)
        keystore["crypto"]["kdfparams"].update(parameters)
        assert "is not one of scrypt or pbkdf2" in refusal(write(path, keystore))

    def test_two_readers_cannot_read_two_things(self, path: Path) -> None:
        twice = json.dumps(SCRYPT)[:-1] + ', "version": 3}'
        assert "does not hold" in refusal(write(path, twice))

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(data=st.data())
    def test_any_change_is_refused_or_opens_with_the_passphrase_alone(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        keystore = copy.deepcopy(data.draw(st.sampled_from([SCRYPT, PBKDF2])))
        holder = data.draw(st.sampled_from([keystore, keystore["crypto"], keystore["crypto"]["kdfparams"]]))
        name = data.draw(st.sampled_from(sorted(holder)))
        small = st.none() | st.booleans() | st.integers(-4, 4096) | st.text("0123456789abcdefxz", max_size=66)
        holder[name] = data.draw(small | st.lists(small, max_size=2) | st.dictionaries(st.text(max_size=3), small))
        path = tmp_path_factory.mktemp("keys") / "key"
        try:
            secret = open_keystore(find_key(write(path, keystore)), PASSPHRASE)
        except Refused:
            return
        assert secret.hex() == SECRET


class TestIpcCli:
    def test_by_address_and_by_default_key(self, path: Path) -> None:
        name = write(path, IPC_CLI)
        for wanted, secret in (("0x" + ADDRESS, SECRET), ("0x" + OTHER, OTHER_SECRET), (DEFAULT_KEY, SECRET)):
            found = find_key(name, wanted)
            assert (found.secret.hex(), found.kind) == (secret, "ipc-cli")
            assert found.address == address_of(found.secret)

    def test_plain_text_and_its_mode_are_warned_of(self, path: Path) -> None:
        plain, mode = find_key(write(path, IPC_CLI, 0o644), DEFAULT_KEY).warnings
        assert "in plain text" in plain
        assert "mode 0644: other users of this machine can read" in mode
        (plain,) = find_key(write(path, IPC_CLI), DEFAULT_KEY).warnings
        assert "others could put" in refusal(write(path, IPC_CLI, 0o646), DEFAULT_KEY)

    def test_one_of_several_has_to_be_named(self, path: Path) -> None:
        assert "holds 2 keys: name one" in refusal(write(path, IPC_CLI))
        assert find_key(write(path, [IPC_CLI[0], IPC_CLI[2]])).address == ADDRESS
        assert find_key(write(path, [IPC_CLI[2]]), "0x" + ADDRESS).secret.hex() == SECRET

    def test_never_written(self, path: Path) -> None:
        name = write(path, IPC_CLI, 0o644)
        before, content = os.stat(name), path.read_bytes()
        find_key(name, DEFAULT_KEY)
        after = os.stat(name)
        assert (after.st_mtime_ns, after.st_mode, path.read_bytes()) == (before.st_mtime_ns, before.st_mode, content)

    @pytest.mark.parametrize(
        "content",
        [
            [],
            [1],
            [{}],
            [{"address": "0x" + ADDRESS}],
            [{"address": "0x12", "private_key": SECRET}],
            [{"address": "0x" + OTHER, "private_key": SECRET}],
            [{"address": "0x" + ADDRESS, "private_key": SECRET[:-1]}],
            [{"address": DEFAULT_KEY, "private_key": "0" * 64}],
            [{"address": DEFAULT_KEY, "private_key": SECRET}, {"address": DEFAULT_KEY, "private_key": OTHER_SECRET}],
            '[{"address": "default-key", "address": "default-key", "private_key": "' + SECRET + '"}]',
            "[" * 5000,
            "[" + json.dumps(IPC_CLI[0]),
        ],
    )
    def test_other_contents(self, path: Path, content: object) -> None:
        refusal(write(path, content), DEFAULT_KEY)

    def test_a_key_that_is_not_there(self, path: Path) -> None:
        assert "holds no key of 0x" + "12" * 20 in refusal(write(path, IPC_CLI), "0x" + "12" * 20)
        assert "holds no key of default-key" in refusal(write(path, IPC_CLI[:2]), DEFAULT_KEY)


def test_a_raw_key_of_another_address(path: Path) -> None:
    assert "not of the 0x" in refusal(write(path, "0x" + SECRET), "0x" + OTHER)
    assert find_key(write(path, "0x" + SECRET), "0x" + ADDRESS).secret.hex() == SECRET


def test_a_description_of_what_was_found_holds_no_key(path: Path) -> None:
    assert SECRET not in repr(find_key(write(path, "0x" + SECRET)))

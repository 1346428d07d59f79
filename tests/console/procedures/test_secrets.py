"""What counts as a secret, and what is evidence that has to stay."""

from __future__ import annotations

import pytest

from console.errors import InputError
from console.procedures.secrets import hidden, refuse_secret, without_secrets

HASH = "955d65210bc09e097084efa54a579732e9125ade9c21f9748f21cf530ac4e6b6"
MNEMONIC = " ".join(["abandon"] * 11 + ["about"])


@pytest.mark.parametrize(
    "value",
    [
        "password = hunter2",
        "https://me:hunter2@host/path",
        "https://host/file?X-Amz-Signature=hunter2&x=1",
        f"my words are {MNEMONIC}",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        '{"api_key": "hunter2"}',
    ],
)
def test_secrets_are_refused_and_hidden(value: str) -> None:
    with pytest.raises(InputError) as refused:
        refuse_secret("url", value)
    assert "hunter2" not in str(refused.value)
    shown = str(without_secrets({"rows": [value, {"deep": value}]}))
    assert "hunter2" not in shown
    assert "abandon" not in shown
    assert "<hidden>" in shown


@pytest.mark.parametrize(
    "value",
    [
        f"sha256:{HASH}",
        f"https://releases.example.com/v2/{HASH}/virtengine_linux_amd64.tar.gz?download=1",
        "https://ipfs.io/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
        "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        "the newest copy is whole, can be read, and is what is in force now on this machine",
    ],
)
def test_what_is_evidence_stays(value: str) -> None:
    refuse_secret("release-url", value)
    assert hidden(value) == value


def test_a_name_alone_is_enough() -> None:
    for name in ("password", "api-key", "token", "keyring-passphrase"):
        with pytest.raises(InputError):
            refuse_secret(name, "x")

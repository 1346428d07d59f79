"""The adapters between the registry and whatever keeps the validator set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.contracts.answering import answering, call_of
from tests.contracts.evm import Chain, Contract
from tests.contracts.registry import STRANGER, refused, validator

NOW, BEFORE = "getCurrentPower(address)", "getPower(address)"
UNKNOWN = keccak(text="FunctionNotFound(bytes4)")[:4] + b"\0" * 32
"""What a diamond says of a function that it does not have, nearly."""

Answers = dict[bytes, bytes]


def actor(powers: Sequence[int], getter: str = NOW, *, start: int = 1) -> Answers:
    """What a subnet actor of one generation answers."""
    active = [validator(number) for number in range(1, len(powers) + 1)]
    answers = {
        call_of("getActiveValidators()"): encode(["address[]"], [active]),
        call_of("getConfigurationNumbers()"): encode(["uint64", "uint64"], [start + 5, start]),
        # Waiting ones are in the total: it must not be asked.
        call_of("getTotalCurrentPower()"): encode(["uint256"], [sum(powers) + 1000]),
    }
    return answers | {
        call_of(getter, address): encode(["uint256"], [power]) for address, power in zip(active, powers, strict=True)
    }


def adapter(answers: Mapping[bytes, bytes], otherwise: bytes = UNKNOWN) -> tuple[Chain, Contract, str]:
    chain = Chain(100)
    address = chain.place(answering(answers, otherwise))
    return chain, chain.deploy("SubnetActorPowerSource", address), address


def shown(source: Contract) -> tuple[list[tuple[str, int]], int]:
    members, number = source.call("membership")
    return [(row["validator"], row["power"]) for row in members], number


class TestSubnetActor:
    @pytest.mark.parametrize("getter", [NOW, BEFORE])
    @pytest.mark.parametrize("otherwise", [UNKNOWN, b""])
    def test_active_validators_of_both_generations(self, getter: str, otherwise: bytes) -> None:
        _, source, address = adapter(actor([7, 2**200, 0], getter), otherwise)
        assert shown(source) == ([(validator(1), 7), (validator(2), 2**200), (validator(3), 0)], 0)
        assert source.call("subnetActor") == address

    def test_an_actor_that_goes_over_to_the_other_generation_is_read_on(self) -> None:
        chain, source, address = adapter(actor([7, 5], BEFORE))
        before = shown(source)
        chain.replace(address, answering(actor([7, 5], NOW), UNKNOWN))
        assert shown(source) == before

    def test_an_actor_with_both_names_is_read_by_the_later_one(self) -> None:
        _, source, _ = adapter(actor([1, 2], BEFORE) | actor([3, 4], NOW))
        assert [power for _, power in shown(source)[0]] == [3, 4]

    def test_generations_are_not_mixed(self) -> None:
        answers = actor([1, 2], NOW)
        del answers[call_of(NOW, validator(2))]
        answers[call_of(BEFORE, validator(2))] = encode(["uint256"], [9])
        _, source, _ = adapter(answers)
        with refused("NoPower", validator(2)):
            source.call("membership")

    @pytest.mark.parametrize(("start", "number"), [(0, 0), (1, 0), (2, 1), (2**64 - 1, 2**64 - 2)])
    def test_the_number_is_that_of_the_last_confirmed_change(self, start: int, number: int) -> None:
        answers = actor([1], NOW)
        answers[call_of("getConfigurationNumbers()")] = encode(["uint64", "uint64"], [2**64 - 1, start])
        _, source, _ = adapter(answers)
        assert shown(source)[1] == number

    def test_no_validators_before_the_subnet_is_bootstrapped(self) -> None:
        _, source, _ = adapter(actor([]))
        assert shown(source) == ([], 0)

    def test_256_validators_and_no_more(self) -> None:
        chain, source, address = adapter(actor([3] * 256))
        assert len(shown(source)[0]) == 256
        # Nobody is asked for the power of one of a set that is too large.
        chain.replace(
            address, answering({call_of("getActiveValidators()"): encode(["address[]"], [["0x" + "11" * 20] * 257])})
        )
        with refused("TooManyValidators", 256, 257):
            source.call("membership")

    def test_a_long_answer_costs_its_length_once_at_most(self) -> None:
        """The answer of the actor is looked at before it is copied."""
        endless = b"\0" * 20_000
        chain, source, address = adapter(actor([1]))
        chain.replace(address, answering({call_of("getActiveValidators()"): endless}, endless))
        with refused("TooManyValidators", 256, (len(endless) - 64) // 32):
            source.call("membership")
        answers = actor([1])
        del answers[call_of(NOW, validator(1))]
        chain.replace(address, answering(answers, endless))
        with refused("NoPower", validator(1)):
            source.call("membership")

    @pytest.mark.parametrize("missing", [NOW, "getConfigurationNumbers()"])
    def test_what_is_missing_is_said(self, missing: str) -> None:
        answers = actor([1])
        asked = call_of(missing, validator(1)) if missing == NOW else call_of(missing)
        for answer in (None, b"", b"\0" * 31, b"\0" * 96):
            broken = dict(answers)
            if answer is None:
                del broken[asked]
            else:
                broken[asked] = answer
            _, source, address = adapter(broken)
            name, value = ("NoPower", validator(1)) if missing == NOW else ("NotASubnetActor", address)
            with refused(name, value):
                source.call("membership")

    def test_others_are_refused_at_once(self) -> None:
        chain = Chain(100)
        with refused("NotASubnetActor", STRANGER):
            chain.deploy("SubnetActorPowerSource", STRANGER)
        for code in (answering({}), answering({call_of("getActiveValidators()"): b"\0" * 63}), b"\0"):
            address = chain.place(code)
            with refused("NotASubnetActor", address):
                chain.deploy("SubnetActorPowerSource", address)


def test_a_static_set_is_what_it_was_given() -> None:
    chain = Chain(100)
    given = [(validator(1), 4), (validator(2), 0), (validator(1), 2**255)]
    assert shown(chain.deploy("StaticPowerSource", given)) == (given, 0)
    assert shown(chain.deploy("StaticPowerSource", [])) == ([], 0)

"""A network of as many validators as are wanted, for tests and benchmarks of what has to stay quick."""

from __future__ import annotations

from dataclasses import replace

from console.model import Readiness, Snapshot, Validator, ValidatorReadiness
from console.text import UntrustedText
from tests import fakes


def crowd(count: int, *, ready: int = 0, height: int = 1234) -> Snapshot:
    """`count` validators of falling power, of which the first `ready` are ready; four of them are endpoints of ours.

    Args:
        count: At least four.
        ready: How many are ready.
        height: Of the chain.
    """
    validators = tuple(
        Validator(_address(index), UntrustedText(f"validator{index}"), count - index + 10, f"{index + 1:040X}")
        for index in range(count)
    )
    entries = tuple(_said(validator, index < ready) for index, validator in enumerate(validators))
    total = sum(validator.power for validator in validators)
    ready_power = sum(entry.power for entry in entries if entry.ready)
    entry = fakes.proposal(ready_power=ready_power, armed_power=0, go_power=0, total_power=total)
    chain = replace(fakes.chain(height, (entry,)), validators=validators, readiness=Readiness(1, entries))
    return fakes.snapshot(chain, fakes.node(height))


def _address(index: int) -> str:
    return f"0x{index + 0xA11CE:040x}"


def _said(validator: Validator, ready: bool) -> ValidatorReadiness:
    return replace(fakes.said(0, ready=ready, armed=False), address=validator.address, power=validator.power)

"""Abort statements: what is signed, who counts, and what hostile lines cannot do (DESIGN §4)."""

from __future__ import annotations

import base64
import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.abort import (
    MAX_LINES,
    Member,
    Plan,
    SignedStatement,
    Statement,
    StatementError,
    agreement,
    parse_statement,
    parse_statements,
    parse_text,
    verify_statement,
)

H = 500
PLAN = Plan("ipc-test-1", "0x5FbDB2315678afecb367f032d93F642f64180aa3", 7, "v0.2.0", H)
SECRETS = {number: bytes([number]) * 32 for number in range(1, 8)}
ADDRESSES: dict[int, str] = {number: str(Account.from_key(secret).address) for number, secret in SECRETS.items()}
OPERATOR = 7
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def signed(number: int, *, by: int | None = None, plan: Plan = PLAN, issued_at: int = H) -> SignedStatement:
    statement = Statement(plan, ADDRESSES[number], issued_at)
    secret = SECRETS[by or number]
    signature = Account.sign_message(encode_defunct(text=statement.text()), secret).signature
    return SignedStatement(statement, "0x" + bytes(signature).hex())


def members(*powers: int, operator: str = "") -> dict[str, Member]:
    return {ADDRESSES[number]: Member(power, operator) for number, power in enumerate(powers, 1)}


class TestText:
    def test_is_readable_and_reads_back(self) -> None:
        statement = Statement(PLAN, ADDRESSES[1], H - 1)
        assert statement.text().splitlines() == [
            "upgrade-console statement 1",
            "action: ABORT",
            "chain: ipc-test-1",
            f"registry: {PLAN.registry.lower()}",
            'plan: 7 "v0.2.0"',
            "target height: 500",
            f"validator: {ADDRESSES[1].lower()}",
            "issued at height: 499",
        ]
        assert parse_text(statement.text()) == statement.canonical

    def test_a_plan_of_the_chain_itself_names_no_registry(self) -> None:
        statement = Statement(dataclasses.replace(PLAN, registry=""), "cosmosvaloper1" + "q" * 38, H)
        assert "registry: none" in statement.text()
        assert parse_text(statement.text()) == statement

    @pytest.mark.parametrize("change", ["ABORT\n", " ABORT", "CROSS", "ABORT\naction: ABORT", "abort"])
    def test_another_action_is_no_statement(self, change: str) -> None:
        text = Statement(PLAN, ADDRESSES[1], H).text()
        with pytest.raises(StatementError):
            parse_text(text.replace("action: ABORT", f"action: {change}"))

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("height: 500", "height: 0500"),
            ("height: 500", "height: +500"),
            ("height: 500", "height: 0"),
            ("height: 500", "height: 9223372036854775808"),
            ('"v0.2.0"', '"v0.2.\\u0030"'),
            ('"v0.2.0"', "v0.2.0"),
            ('"v0.2.0"', '"v0.2.0" '),
            ("0x", "0X"),
            ("validator: 0xf", "validator: 0xF"),
            ("\n", "\r\n"),
            ("chain: ipc-test-1", "chain: ipc test-1"),
            ("statement 1", "statement 2"),
        ],
    )
    def test_only_one_spelling_is_read(self, old: str, new: str) -> None:
        # An address that begins with f after 0x is needed by one of the rows.
        text = Statement(PLAN, "0x" + "f" * 40, H).text()
        assert old in text
        with pytest.raises(StatementError):
            parse_text(text.replace(old, new))

    def test_a_trailing_newline_is_another_text(self) -> None:
        with pytest.raises(StatementError):
            parse_text(Statement(PLAN, ADDRESSES[1], H).text() + "\n")

    @pytest.mark.parametrize(
        "plan",
        [
            dataclasses.replace(PLAN, chain_id=""),
            dataclasses.replace(PLAN, chain_id="a\nb"),
            dataclasses.replace(PLAN, registry="somewhere"),
            dataclasses.replace(PLAN, id=-1),
            dataclasses.replace(PLAN, target_height=0),
            dataclasses.replace(PLAN, name="x" * 4000),
        ],
    )
    def test_a_plan_that_does_not_fit_is_refused(self, plan: Plan) -> None:
        with pytest.raises(StatementError):
            Statement(plan, ADDRESSES[1], H).text()

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.text(max_size=256), st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1), st.integers(0, 2**63 - 1))
    def test_any_plan_name_reads_back_alone(self, name: str, number: int, height: int, issued: int) -> None:
        statement = Statement(Plan("c-1", "", number, name, height), ADDRESSES[2], issued)
        text = statement.text()
        assert text.isascii()
        assert parse_text(text) == statement.canonical
        assert text.count("\n") == 7


class TestLine:
    def test_goes_over_a_chat_and_back(self) -> None:
        one = signed(1)
        line = one.line()
        assert line.startswith("abort1.")
        assert "\n" not in line
        for mangled in (line, f"  {line}\r\n", f"`{line}`", f"<{line}>"):
            assert parse_statement(mangled) == dataclasses.replace(one, statement=one.statement.canonical)

    def test_the_json_object_itself_is_read_too(self) -> None:
        one = signed(1)
        assert parse_statement(
            json.dumps({"signature": one.signature, "text": one.statement.text()})
        ) == parse_statement(one.line())

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "abort1.",
            "abort1.!!!!",
            "abort1.e30",
            "abort1." + "A" * 40_000,
            "{}",
            "[]",
            "null",
            '{"text":1,"signature":"0x00"}',
            '{"text":"x","signature":"0x00"}',
            '{"text":"x","text":"x","signature":"0x00"}',
            '{"text":"x","signature":"0x00","more":1}',
            "[" * 10_000,
            "\x1b]52;c;aGk=\x07",
            "９" * 50,
        ],
    )
    def test_what_is_no_statement_is_refused(self, line: str) -> None:
        with pytest.raises(StatementError):
            parse_statement(line)

    def test_base64_has_one_spelling(self) -> None:
        line = signed(1).line()
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        accepted = 0
        for letter in letters:
            try:
                parse_statement(line[:-1] + letter)
                accepted += 1
            except StatementError:
                pass
        assert accepted == 1

    def test_a_paste_tells_what_counts_and_what_does_not(self) -> None:
        found, problems = parse_statements(f"{signed(1).line()}\n\nhello\x1b[2J\n{signed(2).line()}\n")
        assert [entry.statement.validator for entry in found] == [ADDRESSES[1].lower(), ADDRESSES[2].lower()]
        assert problems == ("line 3: this line is not a statement",)

    def test_an_endless_paste_is_refused(self) -> None:
        with pytest.raises(StatementError, match="more than"):
            parse_statements("x\n" * (MAX_LINES + 1))

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(
        st.text(max_size=300)
        | st.binary(max_size=200).map(lambda raw: "abort1." + base64.urlsafe_b64encode(raw).decode())
    )
    def test_any_line_is_a_statement_or_refused(self, line: str) -> None:
        try:
            said = parse_statement(line).statement.text()
        except StatementError as error:
            said = str(error)
        assert said.replace("\n", "").isprintable()

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.data())
    def test_a_changed_line_never_counts_for_another_word(self, data: st.DataObject) -> None:
        one = signed(1)
        document = {"text": one.statement.text(), "signature": one.signature}
        field = data.draw(st.sampled_from(["text", "signature"]))
        value = document[field]
        at = data.draw(st.integers(0, len(value) - 1))
        letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
        document[field] = value[:at] + letter + value[at + 1 :]
        try:
            changed = parse_statement(json.dumps(document))
            found = agreement([changed], members(1), PLAN)
        except StatementError:
            return
        same = {name: text.lower() for name, text in document.items()}
        assert found.agreed == (same["signature"] == one.signature and document["text"] == one.statement.text())


class TestVerify:
    def test_the_validators_own_key(self) -> None:
        assert verify_statement(signed(1), Member(1, "")) == ADDRESSES[1]

    def test_its_operator_key(self) -> None:
        assert verify_statement(signed(1, by=OPERATOR), Member(1, ADDRESSES[OPERATOR])) == ADDRESSES[OPERATOR]

    def test_anybody_else_is_refused(self) -> None:
        for member in (Member(1, ""), Member(1, "0x" + "0" * 40), Member(1, ADDRESSES[3])):
            with pytest.raises(StatementError, match="neither the validator nor its operator"):
                verify_statement(signed(1, by=OPERATOR), member)

    @pytest.mark.parametrize("nobody", ["", "0x" + "0" * 40])
    def test_nobody_is_no_operator(self, nobody: str) -> None:
        class Keys:
            def signer_of(self, text: str, signature: str) -> str:
                return nobody

        with pytest.raises(StatementError, match="neither"):
            verify_statement(signed(1), Member(1, nobody), Keys())

    def test_the_other_form_of_a_signature_is_refused(self) -> None:
        one = signed(1)
        raw = bytes.fromhex(one.signature[2:])
        high = CURVE_ORDER - int.from_bytes(raw[32:64], "big")
        other = raw[:32] + high.to_bytes(32, "big") + bytes([55 - raw[64]])
        with pytest.raises(StatementError, match="not that of a personal message"):
            verify_statement(dataclasses.replace(one, signature="0x" + other.hex()), Member(1, ""))

    @pytest.mark.parametrize(
        "raw", [b"", b"\x00" * 65, b"\xff" * 65, b"\x01" * 64, b"\x01" * 64 + b"\x1b", b"\x01" * 66]
    )
    def test_what_is_no_signature_is_refused(self, raw: bytes) -> None:
        with pytest.raises(StatementError):
            verify_statement(dataclasses.replace(signed(1), signature="0x" + raw.hex()), Member(1, ""))

    def test_a_raw_signature_without_the_prefix_of_a_message_is_refused(self) -> None:
        statement = Statement(PLAN, ADDRESSES[1], H)
        raw = PrivateKey(SECRETS[1]).sign_recoverable(statement.text().encode())
        forged = SignedStatement(statement, "0x" + (raw[:64] + bytes([raw[64] + 27])).hex())
        with pytest.raises(StatementError):
            verify_statement(forged, Member(1, ""))

    def test_another_chain_brings_its_own_keys(self) -> None:
        class Keys:
            def signer_of(self, text: str, signature: str) -> str:
                assert text.startswith("upgrade-console statement 1\n")
                return "cosmosvaloper1" + "q" * 38 if signature == "0x01" else "somebody"

        statement = Statement(dataclasses.replace(PLAN, registry=""), "cosmosvaloper1" + "q" * 38, H)
        found = agreement(
            [SignedStatement(statement, "0x01")], {statement.validator: Member(5, "")}, statement.plan, Keys()
        )
        assert found.agreed
        found = agreement(
            [SignedStatement(statement, "0x02")], {statement.validator: Member(5, "")}, statement.plan, Keys()
        )
        assert not found.agreed


class TestAgreement:
    def test_more_than_two_thirds_of_power_and_not_of_heads(self) -> None:
        statements = [signed(number) for number in (1, 2, 3)]
        found = agreement(statements, members(1, 1, 1, 5), PLAN)
        assert (found.power, found.total, found.agreed) == (3, 8, False)
        assert found.missing == (ADDRESSES[4],)
        assert agreement([*statements, signed(4)], members(1, 1, 1, 5), PLAN).agreed

    def test_exactly_two_thirds_is_not_enough(self) -> None:
        assert not agreement([signed(1), signed(2)], members(1, 1, 1), PLAN).agreed
        assert agreement([signed(1), signed(2)], members(10**18, 10**18 + 1, 10**18), PLAN).agreed

    def test_a_validator_counts_once_however_often_it_speaks(self) -> None:
        again = [
            signed(1),
            signed(1),
            signed(1, issued_at=H - 1),
            signed(1, by=OPERATOR),
            parse_statement(signed(1).line()),
        ]
        found = agreement(again, members(1, 1, operator=ADDRESSES[OPERATOR]), PLAN)
        assert (found.power, found.total) == (1, 2)
        assert found.agreeing == (ADDRESSES[1],)

    @pytest.mark.parametrize(
        ("plan", "why"),
        [
            (dataclasses.replace(PLAN, chain_id="ipc-test-2"), "another chain: ipc-test-2"),
            (dataclasses.replace(PLAN, registry="0x" + "1" * 40), "another registry"),
            (dataclasses.replace(PLAN, registry=""), "another registry: none"),
            (dataclasses.replace(PLAN, id=8), "another plan: 8"),
            (dataclasses.replace(PLAN, name="v0.3.0"), "another plan name: v0.3.0"),
            (dataclasses.replace(PLAN, target_height=H + 1), "another target height: 501"),
        ],
    )
    def test_statements_about_anything_else_do_not_count(self, plan: Plan, why: str) -> None:
        found = agreement([signed(1, plan=plan)], members(1), PLAN)
        assert not found.agreed
        assert why in found.rejected[0].why

    @pytest.mark.parametrize("issued_at", [0, H - 2, H + 1, 10**9])
    def test_statements_from_before_or_after_the_halt_do_not_count(self, issued_at: int) -> None:
        found = agreement([signed(1, issued_at=issued_at)], members(1), PLAN)
        assert not found.agreed
        assert "not at the halt" in found.rejected[0].why

    def test_strangers_do_not_count(self) -> None:
        found = agreement([signed(5)], members(1), PLAN)
        assert (found.power, found.rejected[0].why) == (0, "it is no validator of this network")

    def test_a_forged_statement_does_not_keep_the_true_one_out(self) -> None:
        found = agreement([signed(1, by=5), signed(1)], members(1), PLAN)
        assert found.agreed
        assert len(found.rejected) == 1

    def test_nothing_that_follows_a_true_statement_is_looked_at_again(self) -> None:
        assert agreement([signed(1), signed(1, by=5), signed(1, issued_at=1)], members(1), PLAN).rejected == ()

    def test_one_operator_may_speak_for_two_validators_that_named_it(self) -> None:
        both = [signed(1, by=OPERATOR), signed(2, by=OPERATOR)]
        assert agreement(both, members(1, 1, operator=ADDRESSES[OPERATOR]), PLAN).power == 2

    def test_a_membership_with_one_validator_in_two_spellings_is_refused(self) -> None:
        twice = {ADDRESSES[1]: Member(1, ""), ADDRESSES[1].lower(): Member(1, "")}
        with pytest.raises(StatementError, match="twice"):
            agreement([signed(1)], twice, PLAN)
        with pytest.raises(StatementError, match="negative"):
            agreement([], members(-1), PLAN)

    def test_nobody_agrees_in_an_empty_network(self) -> None:
        assert not agreement([signed(1)], {}, PLAN).agreed

    def test_hostile_words_in_a_rejected_statement_are_made_safe(self) -> None:
        plan = dataclasses.replace(PLAN, name="\x1b[2J\u202ev0.2.0")
        found = agreement([signed(1, plan=plan)], members(1), PLAN)
        assert found.rejected[0].why.isprintable()

    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(
        st.lists(st.integers(0, 100), min_size=1, max_size=6),
        st.lists(st.tuples(st.integers(1, 7), st.sampled_from(["own", "forged", "other plan"])), max_size=10),
    )
    def test_power_is_the_sum_over_those_who_said_so(self, powers: list[int], said: list[tuple[int, str]]) -> None:
        kinds: dict[str, dict[str, Any]] = {
            "own": {},
            "forged": {"by": 7},
            "other plan": {"plan": dataclasses.replace(PLAN, id=9)},
        }
        lines = [signed(number, **kinds[kind]) for number, kind in said if (number, kind) != (7, "forged")]
        found = agreement(lines, members(*powers), PLAN)
        yes = {number for number, kind in said if kind == "own" and number <= len(powers)}
        assert found.power == sum(powers[number - 1] for number in yes)
        assert found.agreed == (3 * found.power > 2 * sum(powers))
        assert sorted([*found.agreeing, *found.missing]) == sorted(ADDRESSES[n] for n in range(1, len(powers) + 1))


def test_reading_statements_needs_no_heavy_import() -> None:
    code = (
        "import sys; import console.node.abort as abort\n"
        "try: abort.parse_statement('abort1.e30')\nexcept abort.StatementError: pass\n"
        "print([name for name in ('eth_account', 'web3', 'coincurve') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"

"""The first endpoint that answers as it should: which are asked, and which failure is told."""

from __future__ import annotations

import pytest

from console.chain.first_answer import first_answer
from console.errors import BadAnswer, ChainError, ContractRefused, EndpointDown

pytestmark = pytest.mark.anyio


class Endpoints:
    """Endpoints that answer what they were given, and what was asked."""

    def __init__(self, **answers: int | ChainError) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def ask(self, url: str) -> int:
        self.asked.append(url)
        answer = self.answers[url]
        if isinstance(answer, ChainError):
            raise answer
        return answer


async def test_each_is_asked_once_until_one_answers() -> None:
    endpoints = Endpoints(a=EndpointDown("silent"), b=2, c=3)
    assert await first_answer(["a", "a", "b", "c"], endpoints.ask) == 2
    assert endpoints.asked == ["a", "b"]


async def test_one_that_has_enough_is_preferred_and_else_the_first() -> None:
    endpoints = Endpoints(a=1, b=EndpointDown("silent"), c=3)
    assert await first_answer("abc", endpoints.ask, enough=lambda answer: answer > 2) == 3
    assert await first_answer("abc", endpoints.ask, enough=lambda answer: answer > 3) == 1


async def test_what_is_final_is_asked_of_nobody_else() -> None:
    endpoints = Endpoints(a=ContractRefused("too late"), b=2)
    with pytest.raises(ContractRefused):
        await first_answer("ab", endpoints.ask, final=(ContractRefused,))
    assert endpoints.asked == ["a"]
    assert await first_answer("ab", endpoints.ask) == 2


async def test_a_wrong_answer_is_told_before_silence_and_none_at_all_is_told() -> None:
    endpoints = Endpoints(a=EndpointDown("silent"), b=BadAnswer("another chain"), c=BadAnswer("HTML"))
    with pytest.raises(BadAnswer, match="another chain"):
        await first_answer("abc", endpoints.ask)
    with pytest.raises(EndpointDown, match="silent"):
        await first_answer("a", endpoints.ask)
    with pytest.raises(EndpointDown, match="no endpoint for this"):
        await first_answer("", endpoints.ask)

"""One question to several endpoints, one after the other, until one answers as it should."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Self, TypeVar

from console.chain.rpc import JsonRpc
from console.errors import ChainError, EndpointDown
from console.settings import NetworkSettings

T = TypeVar("T")


async def first_answer(
    urls: Iterable[str],
    ask: Callable[[str], Awaitable[T]],
    *,
    final: tuple[type[ChainError], ...] = (),
    enough: Callable[[T], bool] = lambda answer: True,
) -> T:
    """The first answer that is enough, else the first one.

    Args:
        urls: Endpoints in the order in which they are asked.
        ask: Asks one of them.
        final: Errors that every endpoint would answer with: no other one is asked.
        enough: Whether no other endpoint needs to be asked.

    Raises:
        ChainError: None gave a usable answer; the failure that says most.
    """
    failures: list[ChainError] = []
    kept: list[T] = []
    for url in dict.fromkeys(urls):
        try:
            answer = await ask(url)
        except final:
            raise
        except ChainError as error:
            failures.append(error)
            continue
        if enough(answer):
            return answer
        kept.append(answer)
    if kept:
        return kept[0]
    raise telling(failures)


class EndpointReader:
    """The base of what reads one network from the first of its endpoints that answers.

    Args:
        network: The network.
        urls: Endpoints in the order in which they are tried.
        rpc: The client; one of its own when not given. It is closed with the reader.
    """

    def __init__(self, network: NetworkSettings, urls: Iterable[str], rpc: JsonRpc | None = None) -> None:
        self._network = network
        self._urls = tuple(dict.fromkeys(urls))
        self._rpc = rpc or JsonRpc(tokens=network.tokens)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def telling(failures: Sequence[ChainError]) -> ChainError:
    """The failure to tell of several endpoints: an answer that is wrong says more than silence."""
    wrong = (error for error in failures if not isinstance(error, EndpointDown))
    return next(wrong, failures[0] if failures else EndpointDown("no endpoint for this is in the settings"))

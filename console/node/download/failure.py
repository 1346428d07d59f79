"""Why one source did not give the file; whoever goes through the sources makes one sentence of them."""

from __future__ import annotations

from console.model import FailureCode


class SourceFailed(Exception):
    """A source did not give the promised bytes.

    Args:
        why: What follows "HOST: ", without a full stop.
        code: The registry's failure code.
        resumable: Whether what came before is still good as a beginning: not where it is wrong, or the disk is full.
    """

    def __init__(self, why: str, *, code: FailureCode = FailureCode.DOWNLOAD_FAILED, resumable: bool = True) -> None:
        super().__init__(why)
        self.code = code
        self.resumable = resumable and code is FailureCode.DOWNLOAD_FAILED

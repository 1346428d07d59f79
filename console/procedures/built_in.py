"""The procedures that come with the console, in the order in which they are listed."""

from __future__ import annotations

from console.procedures.hotfix import HOTFIX
from console.procedures.look import LOOK
from console.procedures.step import Procedure

BUILT_IN: tuple[Procedure, ...] = (LOOK, HOTFIX)

"""Nobody answers in a controller's folder: what is told, with and without a unit of the operator's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ControllerDown
from console.node.client import NodeClient
from console.node.link.local import LocalLink

pytestmark = pytest.mark.anyio


async def test_nobody_is_told_to_start_a_controller_beside_a_unit(tmp_path: Path) -> None:
    with pytest.raises(ControllerDown, match="start it with `upgrade-console node run`"):
        await NodeClient(LocalLink(tmp_path)).status()
    with pytest.raises(ControllerDown, match="its unit noded does") as told:
        await NodeClient(LocalLink(tmp_path, "noded")).status()
    assert "node run" not in str(told.value)

"""What leases need of a controller, for tests that have none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Kept:
    """What a controller's journal keeps of leases."""

    facts: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def meta(self, key: str) -> str | None:
        return self.facts.get(key)

    def set_meta(self, key: str, value: str) -> None:
        self.facts[key] = value

    def record(self, kind: str, attempt: None = None, **detail: Any) -> None:
        self.told.append(kind)

"""An update of the screen that writes what changed and not what stands to the left of it (facts/tui.md C3)."""

from __future__ import annotations

from rich.console import Console
from textual._compositor import ChopsUpdate


class CroppedUpdate(ChopsUpdate):
    """Textual writes a changed row from the left edge of its widget; on a slow line most of that is for nothing."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> CroppedUpdate:
        """The same update, cropped on both sides."""
        return cls(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        """Render the update as terminal sequences."""
        written: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                left = max(x, x1)
                written.append(f"\x1b[{y + 1};{left + 1}H")
                written.append(strip.crop(left - x, min(end, x2) - x).render(console))
        return "".join(written)

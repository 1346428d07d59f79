"""What is verified of a release, drawn: every check with its word, who signed, what it says and changes."""

from __future__ import annotations

from textual.content import Content

from console.model import KnownRelease
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked

_STYLES = {"passed": GOOD, "warning": WARN, "failed": BAD}


def release_content(release: KnownRelease) -> Content:
    """The whole of a release under each other; only plain text comes from it, never markup."""
    if release.reason:
        return Content.styled(_sentence(release.reason), MUTED)
    verdict = ("It may be staged.", GOOD) if release.accepted else ("It may NOT be staged.", BAD)
    lines = [Content.styled(*verdict), _field("sha256", release.sha256)]
    lines += [_field("manifest", release.path)] if release.path else []
    lines += [Content(""), Content.styled("What it says", STRONG)]
    lines += [_field(name, value) for name, value in release.facts]
    if not release.facts:
        lines.append(Content.styled("Nobody vouches for its bytes, so nothing in them was read.", MUTED))
    lines += [Content(""), Content.styled("Who signed", STRONG)]
    lines += [_field(f"{count.role}s", count.words) for count in release.counts]
    if not release.counts:
        lines.append(Content.styled("No keyring is pinned on the node's machine.", MUTED))
    lines += [Content(""), Content.styled("What was checked", STRONG)]
    for check in release.checks:
        word = (f"{check.outcome.upper() if check.outcome == 'failed' else check.outcome:<9} ", _style(check.outcome))
        lines.append(Content.assemble(word, (f"{check.check:<12} ", MUTED), check.sentence))
    if release.migration:
        lines += [Content(""), Content.styled("What it changes in the state", STRONG)]
        lines += [Content(line) for line in release.migration]
    return stacked(*lines)


def _style(outcome: str) -> str:
    return _STYLES.get(outcome, MUTED)


def _field(name: str, value: str) -> Content:
    return Content.assemble((f"{name:<11}", MUTED), value)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

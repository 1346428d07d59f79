"""Write the tables that the documentation takes from the code: `make tables`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from console.console_settings import console_settings_markdown
from console.daemon_settings import daemon_markdown
from console.glossary import glossary_markdown
from console.keymap import keys_markdown
from console.metrics.table import metrics_markdown
from console.monitoring.notices import notices_markdown
from console.monitoring.rules import alerts_markdown, thresholds_markdown
from console.monitoring.written import DASHBOARD_FILE, RULES_FILE, dashboard_text, rules_text
from console.network_table import networks_markdown
from console.node.health_table import health_table_markdown
from console.node.release.checks import exit_codes_markdown
from console.node.release.manifest import schema as manifest_schema
from console.node.table import markdown as states_markdown
from console.operations.runbook.book import runbook_markdown
from console.operations.runbook.entry import Kind
from console.procedures.built_in import BUILT_IN
from console.procedures.page import index_markdown, page_markdown
from console.provider_settings import model_markdown, provider_markdown
from console.release_settings import releases_markdown
from console.settings_table import settings_markdown
from screens.guide import screens_markdown
from tests.e2e.fault_table import faults_markdown

DOCS = Path(__file__).parent
GUIDE = DOCS / "operator-guide.md"
ARCHITECTURE = DOCS / "architecture.md"
RELEASES = DOCS / "releases.md"
CONSOLE_KEYS = DOCS / "console-keys.md"
GLOSSARY = DOCS / "glossary.md"
METRICS = DOCS / "metrics.md"
MONITORING = DOCS / "monitoring.md"
WRITTEN = DOCS.parent / "console" / "monitoring"
NOTIFICATIONS = DOCS / "notifications.md"
NETWORKS = DOCS / "networks.md"
RUNBOOK = DOCS / "runbook.md"
ALERTING = DOCS / "alerting.md"
SCREENS = DOCS / "screens.md"
CHAIN_DAEMON = DOCS / "chain-daemon.md"
PROVIDER = DOCS / "provider-and-model.md"
FAULTS = DOCS / "faults.md"
PROCEDURES = DOCS / "procedures"
MANIFEST_SCHEMA = DOCS / "release-manifest.schema.json"


def with_settings(guide: str) -> str:
    """The guide with the settings of the code at the end of its section."""
    head, heading, rest = guide.partition("\n## Settings\n")
    section, following, tail = rest.partition("\n## ")
    return head + heading + section[: section.index("- *at once*")] + settings_markdown() + following + tail


def with_table(text: str, first_line: str, table: str) -> str:
    """The text with the table that begins with `first_line` replaced."""
    pattern = re.escape(first_line) + r"\n(?:\|.*\n)*"
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"there is no table {first_line!r}")
    return text[: found.start()] + table.rstrip("\n") + "\n" + text[found.end() :]


def procedure_pages() -> dict[str, str]:
    """Every page about a procedure by its file's name."""
    head = (
        "# Procedures\n\nEach is a list of steps that `upgrade-console run` goes through; "
        "[the operator guide](../operator-guide.md#procedures) says how runs are left and gone on with.\n\n"
    )
    pages = {f"{each.name}.md": page_markdown(each) for each in BUILT_IN}
    return {"README.md": head + index_markdown(BUILT_IN), **pages}


def main() -> None:
    """Rewrite the documents."""
    states = states_markdown()
    ARCHITECTURE.write_text(with_table(ARCHITECTURE.read_text("utf-8"), states.splitlines()[0], states), "utf-8")
    guide = with_settings(GUIDE.read_text("utf-8"))
    health = health_table_markdown()
    if health.splitlines()[0] in guide:
        guide = with_table(guide, health.splitlines()[0], health)
    GUIDE.write_text(guide, "utf-8")
    releases = RELEASES.read_text("utf-8")
    for table in (exit_codes_markdown(), releases_markdown()):
        releases = with_table(releases, table.splitlines()[0], table)
    RELEASES.write_text(releases, "utf-8")
    keys = CONSOLE_KEYS.read_text("utf-8")
    for table in (keys_markdown(), console_settings_markdown()):
        keys = with_table(keys, table.splitlines()[0], table)
    CONSOLE_KEYS.write_text(keys, "utf-8")
    words = glossary_markdown()
    GLOSSARY.write_text(with_table(GLOSSARY.read_text("utf-8"), words.splitlines()[0], words), "utf-8")
    metrics = metrics_markdown()
    METRICS.write_text(with_table(METRICS.read_text("utf-8"), metrics.splitlines()[0], metrics), "utf-8")
    alerts = alerts_markdown()
    MONITORING.write_text(with_table(MONITORING.read_text("utf-8"), alerts.splitlines()[0], alerts), "utf-8")
    notices = notices_markdown()
    told = NOTIFICATIONS.read_text("utf-8")
    NOTIFICATIONS.write_text(with_table(told, notices.splitlines()[0], notices), "utf-8")
    runbook = RUNBOOK.read_text("utf-8")
    for kind in Kind:
        chapter = runbook_markdown(kind)
        runbook = with_table(runbook, chapter.splitlines()[0], chapter)
    RUNBOOK.write_text(runbook, "utf-8")
    thresholds = thresholds_markdown()
    alerting = with_table(ALERTING.read_text("utf-8"), thresholds.splitlines()[0], thresholds)
    ALERTING.write_text(alerting, "utf-8")
    head, heading, _ = SCREENS.read_text("utf-8").partition("\n## Views\n\n")
    SCREENS.write_text(head + heading + screens_markdown(), "utf-8")
    (WRITTEN / RULES_FILE).write_text(rules_text(), "utf-8")
    (WRITTEN / DASHBOARD_FILE).write_text(dashboard_text(), "utf-8")
    networks = networks_markdown()
    NETWORKS.write_text(with_table(NETWORKS.read_text("utf-8"), networks.splitlines()[0], networks), "utf-8")
    daemon = daemon_markdown()
    CHAIN_DAEMON.write_text(with_table(CHAIN_DAEMON.read_text("utf-8"), daemon.splitlines()[0], daemon), "utf-8")
    table = faults_markdown()
    FAULTS.write_text(with_table(FAULTS.read_text("utf-8"), table.splitlines()[0], table), "utf-8")
    beside = PROVIDER.read_text("utf-8")
    for table in (provider_markdown(), model_markdown()):
        beside = with_table(beside, table.splitlines()[0], table)
    PROVIDER.write_text(beside, "utf-8")
    pages = procedure_pages()
    PROCEDURES.mkdir(exist_ok=True)
    for old in PROCEDURES.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, page in pages.items():
        (PROCEDURES / name).write_text(page, "utf-8")
    MANIFEST_SCHEMA.write_text(json.dumps(manifest_schema(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()

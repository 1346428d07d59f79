"""Tables of the journal and how an older one becomes today's."""

from __future__ import annotations

SCHEMA = 3
"""1: as first written. 2: several attempts may have one proposal number, as plans of a chain and swaps by hand do.
3: each event has the hash of itself and of the one before it (`console.hash_chain`)."""

CHAINED_SINCE = 3

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS attempt (
  id INTEGER PRIMARY KEY AUTOINCREMENT, proposal_id INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS run (
  id INTEGER PRIMARY KEY AUTOINCREMENT, generation TEXT NOT NULL, halt_height INTEGER NOT NULL,
  exe_sha256 TEXT NOT NULL, started_at REAL NOT NULL, asked INTEGER NOT NULL DEFAULT 0,
  ended_at REAL, exit_code INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS said (
  attempt INTEGER NOT NULL, what TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (attempt, what)) STRICT;
CREATE TABLE IF NOT EXISTS event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, attempt INTEGER, kind TEXT NOT NULL,
  detail TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
"""

FROM_SCHEMA_1 = """
CREATE TABLE attempt_2 (
  id INTEGER PRIMARY KEY AUTOINCREMENT, proposal_id INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
INSERT INTO attempt_2 SELECT id, proposal_id, document FROM attempt;
DROP TABLE attempt;
ALTER TABLE attempt_2 RENAME TO attempt;
"""

FROM_SCHEMA_2 = "ALTER TABLE event ADD COLUMN hash TEXT NOT NULL DEFAULT ''"
"""The events that are there get their hashes beside it."""

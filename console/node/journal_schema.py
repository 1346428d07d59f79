"""Tables of the journal and how an older one becomes today's."""

from __future__ import annotations

SCHEMA = 2
"""1: as first written. 2: several attempts may have one proposal number, as plans of a chain and swaps by hand do."""

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
  detail TEXT NOT NULL) STRICT;
"""

FROM_SCHEMA_1 = """
CREATE TABLE attempt_2 (
  id INTEGER PRIMARY KEY AUTOINCREMENT, proposal_id INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
INSERT INTO attempt_2 SELECT id, proposal_id, document FROM attempt;
DROP TABLE attempt;
ALTER TABLE attempt_2 RENAME TO attempt;
"""

"""Tests of migrations: their data, their words and their sandbox."""

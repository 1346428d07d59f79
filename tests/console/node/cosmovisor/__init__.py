"""Tests of Cosmovisor's settings, files and layout."""

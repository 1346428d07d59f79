"""Tests of releases: manifests, signatures, keyrings."""

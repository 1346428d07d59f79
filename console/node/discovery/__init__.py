"""What an operator already has: homes, ports, halt height, keys and units, found on the disk (facts/ipc.md §1)."""

from console.node.discovery.finding import Finding, Level, worst
from console.node.discovery.halt_origin import (
    HaltOrigin,
    HaltPlace,
    HaltSource,
    NamedEnvironment,
    halt_origin,
    process_environment,
)
from console.node.discovery.homes import Home, ShapeKind, candidate_homes, find_homes, inspect_home
from console.node.discovery.keys import KeyFile, SignerSetup, key_files, signer_setup
from console.node.discovery.node import Discovery, discover
from console.node.discovery.ports import Port, ports_of
from console.node.discovery.units import SYSTEM_ROOTS, Unit, load_unit, units_for

__all__ = [
    "Discovery",
    "Finding",
    "HaltOrigin",
    "HaltPlace",
    "HaltSource",
    "Home",
    "KeyFile",
    "Level",
    "NamedEnvironment",
    "Port",
    "SYSTEM_ROOTS",
    "ShapeKind",
    "SignerSetup",
    "Unit",
    "candidate_homes",
    "discover",
    "find_homes",
    "halt_origin",
    "inspect_home",
    "key_files",
    "load_unit",
    "ports_of",
    "process_environment",
    "signer_setup",
    "units_for",
    "worst",
]

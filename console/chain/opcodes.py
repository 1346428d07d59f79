"""Names of the EVM's instructions up to Prague, for disassembly (ethereum.org, "Opcodes for the EVM")."""

from __future__ import annotations

JUMP, JUMPI, JUMPDEST = 0x56, 0x57, 0x5B
PUSH1, PUSH4, PUSH32 = 0x60, 0x63, 0x7F
DELEGATECALL, SELFDESTRUCT = 0xF4, 0xFF
ENDS = frozenset({0x00, JUMP, 0xF3, 0xFD, 0xFE, SELFDESTRUCT})
"""After these the next instruction is reached by a jump alone."""

_NAMED = {
    0x00: "STOP ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND",
    0x10: "LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE SHL SHR SAR CLZ",
    0x20: "KECCAK256",
    0x30: "ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD CALLDATASIZE CALLDATACOPY CODESIZE CODECOPY GASPRICE "
    "EXTCODESIZE EXTCODECOPY RETURNDATASIZE RETURNDATACOPY EXTCODEHASH",
    0x40: "BLOCKHASH COINBASE TIMESTAMP NUMBER PREVRANDAO GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBHASH BLOBBASEFEE",
    0x50: "POP MLOAD MSTORE MSTORE8 SLOAD SSTORE JUMP JUMPI PC MSIZE GAS JUMPDEST TLOAD TSTORE MCOPY PUSH0",
    0xF0: "CREATE CALL CALLCODE RETURN DELEGATECALL CREATE2",
    0xFA: "STATICCALL",
    0xFD: "REVERT INVALID SELFDESTRUCT",
}

NAMES: dict[int, str] = {
    **{first + place: name for first, names in _NAMED.items() for place, name in enumerate(names.split())},
    **{0x60 + place: f"PUSH{place + 1}" for place in range(32)},
    **{0x80 + place: f"DUP{place + 1}" for place in range(16)},
    **{0x90 + place: f"SWAP{place + 1}" for place in range(16)},
    **{0xA0 + place: f"LOG{place}" for place in range(5)},
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What forge lets a test do, as far as these tests use it
interface Vm {
    function roll(uint256 blockNumber) external;
    function prank(address sender) external;
    function expectRevert(bytes calldata revertData) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

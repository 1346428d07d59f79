// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What forge lets a test do, as far as these tests use it
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function roll(uint256 blockNumber) external;
    function prank(address sender) external;
    function assume(bool condition) external;
    function etch(address where, bytes calldata code) external;
    function label(address where, string calldata name) external;
    function addr(uint256 key) external returns (address);
    function sign(uint256 key, bytes32 digest) external returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function envOr(string calldata name, bool otherwise) external view returns (bool);
    function getCode(string calldata artefact) external view returns (bytes memory);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title What a test says when something is not as it should be
abstract contract Checks {
    error Different(string what, uint256 found, uint256 expected);
    error Wrong(string what);

    function same(string memory what, uint256 found, uint256 expected) internal pure {
        if (found != expected) revert Different(what, found, expected);
    }

    function same(string memory what, address found, address expected) internal pure {
        same(what, uint256(uint160(found)), uint256(uint160(expected)));
    }

    function same(string memory what, bytes32 found, bytes32 expected) internal pure {
        same(what, uint256(found), uint256(expected));
    }

    function holds(string memory what, bool found) internal pure {
        if (!found) revert Wrong(what);
    }

    /// @dev A number from `least` to `most`, from any number.
    function between(uint256 any, uint256 least, uint256 most) internal pure returns (uint256) {
        return most - least == type(uint256).max ? any : least + any % (most - least + 1);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title The part of an IPC subnet actor that names the validator set of its subnet, on the parent chain
/// @notice The shapes are those of IPC's SubnetActorGetterFacet (facts/ipc.md §3.4); selectors must not change.
interface ISubnetActor {
    /// @notice The validators that take part in consensus. Those that wait for a place are not among them.
    function getActiveValidators() external view returns (address[] memory);

    /// @notice The confirmed power of a validator. The name since March 2025.
    function getCurrentPower(address validator) external view returns (uint256);

    /// @notice The same under the name that it had before.
    function getPower(address validator) external view returns (uint256);

    /// @notice The number that the next change of the set gets, and that of the first change not yet confirmed.
    function getConfigurationNumbers() external view returns (uint64 next, uint64 start);
}

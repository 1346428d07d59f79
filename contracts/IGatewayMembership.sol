// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title The part of the IPC gateway that names the validator set of a subnet
/// @notice The shapes are those of IPC's GatewayGetterFacet (facts/ipc.md §3.4); selectors must not change.
interface IGatewayMembership {
    /// @notice One validator as the gateway stores it.
    struct Validator {
        uint256 weight; // voting power
        address addr; // Ethereum address of the consensus key
        bytes metadata; // 65-byte uncompressed secp256k1 public key
    }

    /// @notice A validator set and its number.
    struct Membership {
        Validator[] validators;
        uint64 configurationNumber;
    }

    /// @notice The validator set that the subnet uses now.
    function getCurrentMembership() external view returns (Membership memory);

    /// @notice The number of that set; 0 is the set of genesis.
    function getCurrentConfigurationNumber() external view returns (uint64);
}

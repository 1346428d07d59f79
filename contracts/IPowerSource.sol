// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Where voting power comes from
/// @notice The one seam between the UpgradeRegistry and whatever keeps the validator set. In production it is an
///         adapter over the gateway of the subnet (see GatewayPowerSource).
interface IPowerSource {
    /// @notice One validator of the current set.
    struct Member {
        address validator; // the Ethereum address of the validator's consensus key
        uint256 power; // its voting power, in the unit of the source
    }

    /// @notice The validator set of this moment.
    /// @return members every validator once, in the order of the source
    /// @return configurationNumber the number of this set; it grows with each change and is 0 for the set of genesis
    function membership() external view returns (Member[] memory members, uint64 configurationNumber);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IGatewayMembership} from "./IGatewayMembership.sol";

/// @title What the devnet's gateway stores, for all of its facets
/// @notice Slots are for good: a later facet may append and never move anything.
abstract contract GatewayState {
    /// @dev The set of this moment, and its number.
    IGatewayMembership.Validator[] internal _validators;
    // A facet writes none of these alone: they are the diamond's, which runs all facets on them.
    // slither-disable-next-line uninitialized-state
    uint64 internal _configurationNumber;
    /// @dev Who may change the set: what the parent chain is to a subnet. Not the owner of the diamond.
    // slither-disable-next-line uninitialized-state
    address internal _parent;

    /// @notice The set was replaced.
    event MembershipUpdated(uint64 indexed configurationNumber, uint256 validators);

    function _store(IGatewayMembership.Validator[] memory validators) internal {
        for (uint256 i = 0; i < validators.length; ++i) {
            _validators.push(validators[i]);
        }
        emit MembershipUpdated(_configurationNumber, validators.length);
    }
}

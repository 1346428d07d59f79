// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayState} from "./GatewayState.sol";
import {IGatewayMembership} from "./IGatewayMembership.sol";

/// @title The facet through which the parent changes the validator set
/// @notice On a subnet the parent chain does this by a checkpoint; here an account stands for it.
contract GatewayMembershipFacet is GatewayState {
    /// @notice Only the parent may do this.
    error NotParent(address caller);

    /// @notice Replaces the whole set; its number grows by one.
    /// @param validators the new set
    function setMembership(IGatewayMembership.Validator[] calldata validators) external {
        if (msg.sender != _parent) revert NotParent(msg.sender);
        delete _validators;
        ++_configurationNumber;
        _store(validators);
    }

    /// @notice The account that may change the set.
    function parent() external view returns (address) {
        return _parent;
    }
}

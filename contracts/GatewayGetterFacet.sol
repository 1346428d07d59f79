// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayState} from "./GatewayState.sol";
import {IGatewayMembership} from "./IGatewayMembership.sol";

/// @title The facet that names the validator set
contract GatewayGetterFacet is GatewayState, IGatewayMembership {
    /// @inheritdoc IGatewayMembership
    function getCurrentMembership() external view returns (Membership memory) {
        return Membership({validators: _validators, configurationNumber: _configurationNumber});
    }

    /// @inheritdoc IGatewayMembership
    function getCurrentConfigurationNumber() external view returns (uint64) {
        return _configurationNumber;
    }
}

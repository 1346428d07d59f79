// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayGetterFacet} from "./GatewayGetterFacet.sol";

/// @title The next version of the facet that names the validator set
/// @notice Answers as the first one does, and one question more: what an upgrade by cut can be seen by.
contract GatewayGetterFacetV2 is GatewayGetterFacet {
    /// @notice The version of the network's contracts.
    function getNetworkVersion() external pure returns (uint64) {
        return 2;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IDiamondOwnership} from "./IDiamond.sol";
import {LibDiamond} from "./LibDiamond.sol";

/// @title The facet that says who may cut a diamond, and hands it over in one step
contract OwnershipFacet is IDiamondOwnership {
    /// @inheritdoc IDiamondOwnership
    function owner() external view returns (address) {
        return LibDiamond.state().owner;
    }

    /// @inheritdoc IDiamondOwnership
    function transferOwnership(address _newOwner) external {
        LibDiamond.onlyOwner();
        LibDiamond.setOwner(_newOwner);
    }
}

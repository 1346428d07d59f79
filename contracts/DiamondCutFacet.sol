// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IDiamondCut} from "./IDiamond.sol";
import {LibDiamond} from "./LibDiamond.sol";

/// @title The facet that a diamond is upgraded by
contract DiamondCutFacet is IDiamondCut {
    /// @inheritdoc IDiamondCut
    function diamondCut(FacetCut[] calldata _diamondCut, address _init, bytes calldata _calldata) external {
        LibDiamond.onlyOwner();
        LibDiamond.cut(_diamondCut, _init, _calldata);
    }
}

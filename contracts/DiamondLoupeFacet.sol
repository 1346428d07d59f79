// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IDiamondLoupe} from "./IDiamond.sol";
import {LibDiamond} from "./LibDiamond.sol";

/// @title The facet that says what a diamond is made of
contract DiamondLoupeFacet is IDiamondLoupe {
    /// @inheritdoc IDiamondLoupe
    function facets() external view returns (Facet[] memory facets_) {
        address[] memory found = LibDiamond.state().facets;
        facets_ = new Facet[](found.length);
        for (uint256 i = 0; i < found.length; ++i) {
            facets_[i] = Facet({facetAddress: found[i], functionSelectors: LibDiamond.state().selectors[found[i]]});
        }
    }

    /// @inheritdoc IDiamondLoupe
    function facetFunctionSelectors(address _facet) external view returns (bytes4[] memory facetFunctionSelectors_) {
        return LibDiamond.state().selectors[_facet];
    }

    /// @inheritdoc IDiamondLoupe
    function facetAddresses() external view returns (address[] memory facetAddresses_) {
        return LibDiamond.state().facets;
    }

    /// @inheritdoc IDiamondLoupe
    function facetAddress(bytes4 _functionSelector) external view returns (address facetAddress_) {
        return LibDiamond.state().routes[_functionSelector].facet;
    }
}

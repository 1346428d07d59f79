// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayMembershipFacet} from "../GatewayMembershipFacet.sol";
import {IDiamondCut, IDiamondLoupe, IDiamondOwnership} from "../IDiamond.sol";
import {IGatewayMembership} from "../IGatewayMembership.sol";
import {Deployed} from "./Deployed.sol";

/// @title The gateway diamond as the devnet's genesis deploys it
library Gateways {
    /// @dev Zero for `owner` and `parent` is not possible, so that nobody forgets them.
    function deploy(address owner, address parent, IGatewayMembership.Validator[] memory validators)
        internal
        returns (address)
    {
        IDiamondCut.FacetCut[] memory cuts = new IDiamondCut.FacetCut[](5);
        cuts[0] = add(Deployed.make("DiamondCutFacet"), IDiamondCut.diamondCut.selector);
        cuts[1] = add(
            Deployed.make("DiamondLoupeFacet"),
            IDiamondLoupe.facets.selector,
            IDiamondLoupe.facetFunctionSelectors.selector,
            IDiamondLoupe.facetAddresses.selector,
            IDiamondLoupe.facetAddress.selector
        );
        cuts[2] = add(
            Deployed.make("OwnershipFacet"), IDiamondOwnership.owner.selector, IDiamondOwnership.transferOwnership.selector
        );
        cuts[3] = add(
            Deployed.make("GatewayGetterFacet"),
            IGatewayMembership.getCurrentMembership.selector,
            IGatewayMembership.getCurrentConfigurationNumber.selector
        );
        cuts[4] = add(
            Deployed.make("GatewayMembershipFacet"),
            GatewayMembershipFacet.setMembership.selector,
            GatewayMembershipFacet.parent.selector
        );
        return Deployed.make("GatewayDiamond", abi.encode(cuts, owner, parent, validators));
    }

    function cut(address facet, IDiamondCut.FacetCutAction action, bytes4[] memory selectors)
        internal
        pure
        returns (IDiamondCut.FacetCut memory)
    {
        return IDiamondCut.FacetCut({facetAddress: facet, action: action, functionSelectors: selectors});
    }

    function add(address facet, bytes4 a) internal pure returns (IDiamondCut.FacetCut memory) {
        return cut(facet, IDiamondCut.FacetCutAction.Add, list(a));
    }

    function add(address facet, bytes4 a, bytes4 b) internal pure returns (IDiamondCut.FacetCut memory) {
        return cut(facet, IDiamondCut.FacetCutAction.Add, list(a, b));
    }

    function add(address facet, bytes4 a, bytes4 b, bytes4 c, bytes4 d)
        internal
        pure
        returns (IDiamondCut.FacetCut memory)
    {
        bytes4[] memory selectors = new bytes4[](4);
        (selectors[0], selectors[1], selectors[2], selectors[3]) = (a, b, c, d);
        return cut(facet, IDiamondCut.FacetCutAction.Add, selectors);
    }

    function list(bytes4 a) internal pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](1);
        selectors[0] = a;
    }

    function list(bytes4 a, bytes4 b) internal pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](2);
        (selectors[0], selectors[1]) = (a, b);
    }

    function one(IDiamondCut.FacetCut memory a) internal pure returns (IDiamondCut.FacetCut[] memory cuts) {
        cuts = new IDiamondCut.FacetCut[](1);
        cuts[0] = a;
    }

    function two(IDiamondCut.FacetCut memory a, IDiamondCut.FacetCut memory b)
        internal
        pure
        returns (IDiamondCut.FacetCut[] memory cuts)
    {
        cuts = new IDiamondCut.FacetCut[](2);
        (cuts[0], cuts[1]) = (a, b);
    }
}

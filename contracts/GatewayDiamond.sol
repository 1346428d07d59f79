// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayState} from "./GatewayState.sol";
import {IDiamondCut} from "./IDiamond.sol";
import {IGatewayMembership} from "./IGatewayMembership.sol";
import {FunctionNotFound, LibDiamond} from "./LibDiamond.sol";

/// @title The devnet's gateway: a diamond (EIP-2535) with the interface of IPC's
/// @notice It answers what the console and the registry ask of a subnet's gateway. Nothing here moves funds or messages:
///         for development networks only. It stores any validator set, broken ones too, so that readers can be tested.
contract GatewayDiamond is GatewayState {
    /// @param cuts the first facets; no initialiser
    /// @param owner the account that may cut
    /// @param parent the account that may change the validator set
    /// @param validators the set of genesis, number 0
    constructor(
        IDiamondCut.FacetCut[] memory cuts,
        address owner,
        address parent,
        IGatewayMembership.Validator[] memory validators
    ) {
        LibDiamond.setOwner(owner);
        LibDiamond.cut(cuts, address(0), "");
        // Zero is a gateway whose set nobody changes.
        // slither-disable-next-line missing-zero-check
        _parent = parent;
        _store(validators);
    }

    /// @notice Ether without a call is refused as an unknown function.
    receive() external payable {
        revert FunctionNotFound(msg.sig);
    }

    /// @notice Runs the facet's code here and answers what it answers.
    fallback() external payable {
        address facet = LibDiamond.state().routes[msg.sig].facet;
        if (facet == address(0)) revert FunctionNotFound(msg.sig);
        // Not memory-safe, and need not be: nothing of this call comes after it.
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), facet, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(done) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}

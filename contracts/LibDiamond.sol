// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IDiamondCut, IDiamondOwnership} from "./IDiamond.sol";

/// @notice Only the owner of the diamond may do this.
error NotOwner();
/// @notice Zero cannot own a diamond.
error InvalidAddress();
/// @notice The diamond has no facet for this function.
error FunctionNotFound(bytes4 _functionSelector);
/// @notice A facet or an initialiser has no code.
error NoBytecodeAtAddress(address _contractAddress, string _message);
/// @notice A cut names no function.
error NoSelectorsProvidedForFacetForCut(address _facetAddress);
error CannotAddSelectorsToZeroAddress(bytes4[] _selectors);
error CannotAddFunctionToDiamondThatAlreadyExists(bytes4 _selector);
error CannotReplaceFunctionsFromFacetWithZeroAddress(bytes4[] _selectors);
error CannotReplaceFunctionThatDoesNotExists(bytes4 _selector);
error CannotReplaceFunctionWithTheSameFunctionFromTheSameFacet(bytes4 _selector);
error RemoveFacetAddressMustBeZeroAddress(address _facetAddress);
error CannotRemoveFunctionThatDoesNotExist(bytes4 _selector);
/// @notice The initialiser failed and said nothing.
error InitializationFunctionReverted(address _initializationContractAddress, bytes _calldata);

/// @title The functions, facets and owner of a diamond
/// @notice Errors are those of IPC's diamonds. Every facet runs on the storage of the diamond, so this lies at a slot of
///         its own, away from what facets declare.
library LibDiamond {
    /// @notice Where a function is answered.
    struct Route {
        address facet; // zero for nowhere
        uint96 position; // of the function among those of its facet
    }

    /// @notice What a diamond knows.
    struct Layout {
        address owner;
        address[] facets; // those that answer at least one function
        mapping(address facet => uint256) facetPositions; // among `facets`
        mapping(address facet => bytes4[]) selectors;
        mapping(bytes4 selector => Route) routes;
    }

    bytes32 private constant _SLOT = keccak256("upgrade-console.diamond");

    /// @notice The one Layout of the diamond that runs.
    function state() internal pure returns (Layout storage found) {
        bytes32 slot = _SLOT;
        assembly ("memory-safe") {
            found.slot := slot
        }
    }

    /// @notice Refuses everyone but the owner.
    function onlyOwner() internal view {
        if (msg.sender != state().owner) revert NotOwner();
    }

    /// @notice Changes the owner; says so as IPC does.
    function setOwner(address owner) internal {
        if (owner == address(0)) revert InvalidAddress();
        address previous = state().owner;
        state().owner = owner;
        emit IDiamondOwnership.OwnershipTransferred(previous, owner);
    }

    /// @notice Makes the changes in order, says so, then initialises.
    function cut(IDiamondCut.FacetCut[] memory changes, address init, bytes memory data) internal {
        for (uint256 i = 0; i < changes.length; ++i) {
            IDiamondCut.FacetCut memory change = changes[i];
            if (change.functionSelectors.length == 0) revert NoSelectorsProvidedForFacetForCut(change.facetAddress);
            if (change.action == IDiamondCut.FacetCutAction.Add) {
                _add(change.facetAddress, change.functionSelectors);
            } else if (change.action == IDiamondCut.FacetCutAction.Replace) {
                _replace(change.facetAddress, change.functionSelectors);
            } else {
                _remove(change.facetAddress, change.functionSelectors);
            }
        }
        emit IDiamondCut.DiamondCut(changes, init, data);
        _initialise(init, data);
    }

    function _add(address facet, bytes4[] memory selectors) private {
        if (facet == address(0)) revert CannotAddSelectorsToZeroAddress(selectors);
        _mustHaveCode(facet, "diamondCut: Add facet has no code");
        for (uint256 i = 0; i < selectors.length; ++i) {
            if (state().routes[selectors[i]].facet != address(0)) {
                revert CannotAddFunctionToDiamondThatAlreadyExists(selectors[i]);
            }
            _attach(facet, selectors[i]);
        }
    }

    function _replace(address facet, bytes4[] memory selectors) private {
        if (facet == address(0)) revert CannotReplaceFunctionsFromFacetWithZeroAddress(selectors);
        _mustHaveCode(facet, "LibDiamondCut: Replace facet has no code");
        for (uint256 i = 0; i < selectors.length; ++i) {
            address present = state().routes[selectors[i]].facet;
            if (present == address(0)) revert CannotReplaceFunctionThatDoesNotExists(selectors[i]);
            if (present == facet) {
                revert CannotReplaceFunctionWithTheSameFunctionFromTheSameFacet(selectors[i]);
            }
            _detach(selectors[i]);
            _attach(facet, selectors[i]);
        }
    }

    function _remove(address facet, bytes4[] memory selectors) private {
        if (facet != address(0)) revert RemoveFacetAddressMustBeZeroAddress(facet);
        for (uint256 i = 0; i < selectors.length; ++i) {
            if (state().routes[selectors[i]].facet == address(0)) {
                revert CannotRemoveFunctionThatDoesNotExist(selectors[i]);
            }
            _detach(selectors[i]);
        }
    }

    /// @dev The function must be nowhere.
    function _attach(address facet, bytes4 selector) private {
        Layout storage here = state();
        bytes4[] storage own = here.selectors[facet];
        if (own.length == 0) {
            here.facetPositions[facet] = here.facets.length;
            here.facets.push(facet);
        }
        // Selectors have four bytes, so their number fits.
        here.routes[selector] = Route({facet: facet, position: uint96(own.length)});
        own.push(selector);
    }

    /// @dev The function must be somewhere. The last of a list takes the place of the one that goes.
    function _detach(bytes4 selector) private {
        Layout storage here = state();
        Route memory route = here.routes[selector];
        bytes4[] storage own = here.selectors[route.facet];
        bytes4 last = own[own.length - 1];
        own[route.position] = last;
        here.routes[last].position = route.position;
        own.pop();
        delete here.routes[selector];
        if (own.length == 0) {
            uint256 position = here.facetPositions[route.facet];
            address lastFacet = here.facets[here.facets.length - 1];
            here.facets[position] = lastFacet;
            here.facetPositions[lastFacet] = position;
            here.facets.pop();
            delete here.facetPositions[route.facet];
        }
    }

    function _initialise(address init, bytes memory data) private {
        if (init == address(0)) return;
        _mustHaveCode(init, "diamondCut: _init address has no code");
        (bool done, bytes memory answer) = init.delegatecall(data);
        if (done) return;
        if (answer.length == 0) revert InitializationFunctionReverted(init, data);
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }

    function _mustHaveCode(address where, string memory message) private view {
        if (where.code.length == 0) revert NoBytecodeAtAddress(where, message);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What a diamond (EIP-2535) is cut by
/// @notice The shapes are those of IPC's diamonds (facts/ipc.md §3.2); selectors must not change.
interface IDiamondCut {
    /// @notice What is done with the functions of one cut.
    enum FacetCutAction {
        Add,
        Replace,
        Remove
    }

    /// @notice One change: these functions are answered by this facet from now on; by none for `Remove`.
    struct FacetCut {
        address facetAddress; // zero for Remove
        FacetCutAction action;
        bytes4[] functionSelectors;
    }

    /// @notice Functions were added, replaced or removed.
    event DiamondCut(FacetCut[] _diamondCut, address _init, bytes _calldata);

    /// @notice Changes functions, all or none, then delegatecalls an initialiser. By the owner.
    /// @param _diamondCut the changes, made in this order
    /// @param _init whose code runs in the diamond after them; zero for none
    /// @param _calldata what it is called with
    function diamondCut(FacetCut[] calldata _diamondCut, address _init, bytes calldata _calldata) external;
}

/// @title What a diamond says of itself
interface IDiamondLoupe {
    /// @notice A facet and the functions that it answers.
    struct Facet {
        address facetAddress;
        bytes4[] functionSelectors;
    }

    /// @notice All facets and their functions.
    function facets() external view returns (Facet[] memory facets_);

    /// @notice The functions that a facet answers; none if the diamond does not have it.
    function facetFunctionSelectors(address _facet) external view returns (bytes4[] memory facetFunctionSelectors_);

    /// @notice All facets.
    function facetAddresses() external view returns (address[] memory facetAddresses_);

    /// @notice The facet that answers a function; zero for none.
    function facetAddress(bytes4 _functionSelector) external view returns (address facetAddress_);
}

/// @title Who may cut a diamond
interface IDiamondOwnership {
    /// @notice The owner changed. Not indexed, as in IPC.
    event OwnershipTransferred(address oldOwner, address newOwner);

    /// @notice The one account that may cut.
    function owner() external view returns (address);

    /// @notice Gives the diamond to another account, at once and for good. By the owner.
    function transferOwnership(address _newOwner) external;
}

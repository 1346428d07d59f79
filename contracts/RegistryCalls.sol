// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IDiamondCut, IDiamondLoupe, IDiamondOwnership} from "./IDiamond.sol";
import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {RegistryLife} from "./RegistryLife.sol";

/// @title The calls that a proposal makes: what they may be, and making them
/// @notice What may be called is looked at twice: when it is proposed and again when it is called.
abstract contract RegistryCalls is RegistryLife {
    /// @notice The most calls in one list.
    uint256 public constant MAX_CALLS = 10;
    /// @notice The most bytes that the calls and their undo have together, ABI-encoded.
    uint256 public constant MAX_CALL_BYTES = 16 * 1024;

    /// @notice Makes the calls of a proposal, all or none, once. By anyone. With contractsFirst: Scheduled, before H-F.
    ///         Otherwise: after H, frozen with the verdict Cross, within the execution window. Without a release: once
    ///         Approved, within the execution window.
    /// @param id the proposal
    function executeContracts(uint64 id) external nonReentrant {
        Proposal storage p = _existing(id);
        if (p.linkedCalls == 0) revert NoLinkedCalls(id);
        if (p.contractsAt != 0) revert ContractsDone(id, p.contractsAt);
        (IUpgradeRegistry.Status status, IUpgradeRegistry.Verdict verdict) = _effective(p, false);
        bool alone = p.releaseKind == IUpgradeRegistry.ReleaseKind.None;
        if (alone) {
            if (status != IUpgradeRegistry.Status.Approved) revert WrongStatus(id, status);
        } else if (p.contractsFirst) {
            _beforeFreeze(id, p);
            if (status != IUpgradeRegistry.Status.Scheduled) revert WrongStatus(id, status);
        } else {
            if (verdict != IUpgradeRegistry.Verdict.Cross) revert NotCrossing(id, verdict);
            if (block.number <= p.targetHeight) revert TooEarly(id, uint256(p.targetHeight) + 1, block.number);
            if (block.number > _crossingEnd(p)) revert TooLate(id, _crossingEnd(p), block.number);
            if (status == IUpgradeRegistry.Status.RolledBack) revert WrongStatus(id, status);
        }

        // Everything is stored before anything is called.
        p.contractsAt = uint64(block.number);
        if (alone) _end(id, p, IUpgradeRegistry.Status.Executed);
        emit ContractsExecuted(id, msg.sender);
        _makeAll(p, _linked[id].calls, _linked[id].callCodes);
    }

    /// @notice Takes the calls of a proposal back, all or none, once. By anyone, when the upgrade that they were made for
    ///         did not come: Aborted, Cancelled, Expired or RolledBack.
    /// @param id the proposal
    function undoContracts(uint64 id) external nonReentrant {
        Proposal storage p = _existing(id);
        if (p.contractsAt == 0) revert ContractsNotDone(id);
        if (p.undoneAt != 0) revert ContractsDone(id, p.undoneAt);
        (IUpgradeRegistry.Status status,) = _effective(p, false);
        bool failed = status == IUpgradeRegistry.Status.Aborted || status == IUpgradeRegistry.Status.Cancelled
            || status == IUpgradeRegistry.Status.Expired || status == IUpgradeRegistry.Status.RolledBack;
        if (!failed) revert WrongStatus(id, status);
        if (_linked[id].undo.length == 0) revert NoLinkedCalls(id);

        p.undoneAt = uint64(block.number);
        emit ContractsUndone(id, msg.sender);
        _makeAll(p, _linked[id].undo, _linked[id].undoCodes);
    }

    /// @dev Checks and stores the calls of a new proposal. The rest of it is stored already.
    function _link(
        uint64 id,
        Proposal storage p,
        IUpgradeRegistry.LinkedCall[] memory calls,
        IUpgradeRegistry.LinkedCall[] memory undo
    ) internal {
        if (calls.length > MAX_CALLS) revert TooManyCalls(MAX_CALLS, calls.length);
        if (undo.length > MAX_CALLS) revert TooManyCalls(MAX_CALLS, undo.length);
        bool alone = p.releaseKind == IUpgradeRegistry.ReleaseKind.None;
        if (undo.length != 0 && (calls.length == 0 || alone)) revert FieldNotAllowed("undo");
        if (calls.length == 0) return;
        if (p.contractsFirst && undo.length == 0) revert UndoMissing();
        bytes memory encoded = abi.encode(calls);
        bytes memory undoing = undo.length == 0 ? bytes("") : abi.encode(undo);
        uint256 size = encoded.length + undoing.length;
        if (size > MAX_CALL_BYTES) revert CallsTooLarge(MAX_CALL_BYTES, size);

        p.linkedCalls = uint16(calls.length);
        p.linkedHash = keccak256(abi.encode(calls, undo));
        Linked storage linked_ = _linked[id];
        linked_.calls = encoded;
        linked_.undo = undoing;
        for (uint256 i = 0; i < calls.length; ++i) {
            linked_.callCodes.push(_inspect(p, calls[i], calls.length));
            if (calls[i].target == address(this)) p.aboutRegistry = true;
        }
        for (uint256 i = 0; i < undo.length; ++i) {
            linked_.undoCodes.push(_inspect(p, undo[i], undo.length));
        }
    }

    function _makeAll(Proposal storage p, bytes memory encoded, bytes32[] memory codes) private {
        IUpgradeRegistry.LinkedCall[] memory calls = abi.decode(encoded, (IUpgradeRegistry.LinkedCall[]));
        for (uint256 i = 0; i < calls.length; ++i) {
            address target = calls[i].target;
            bytes32 code = _inspect(p, calls[i], calls.length);
            if (code != codes[i]) revert CodeChanged(target, codes[i], code);
            // slither-disable-next-line low-level-calls,calls-loop,reentrancy-events
            (bool made, bytes memory reason) = target.call(calls[i].data);
            if (!made) revert CallFailed(target, reason);
            if (_isCut(calls[i].data)) _checkRoutes(target, calls[i].data);
        }
        // Whatever a later call did to the target of an earlier one is seen here.
        for (uint256 i = 0; i < calls.length; ++i) {
            if (_isCut(calls[i].data)) _checkKept(calls[i].target);
        }
    }

    /// @dev Whether a call may be made for a proposal, among `count` of its kind.
    /// @return codes keccak256 over the code hash of each facet (zero for a removal) and of the initialiser (zero for
    ///         none); zero for a call without either
    function _inspect(Proposal storage p, IUpgradeRegistry.LinkedCall memory call, uint256 count)
        private
        view
        returns (bytes32 codes)
    {
        bytes4 selector = bytes4(call.data);
        bool alone = p.releaseKind == IUpgradeRegistry.ReleaseKind.None;
        if (call.target == address(this)) {
            if (!alone || !_isSetting(selector)) revert SelectorNotAllowed(call.target, selector);
            return bytes32(0);
        }
        if (!_isTarget(call.target)) revert TargetNotAllowed(call.target);
        if (selector == IDiamondOwnership.transferOwnership.selector) {
            if (!alone || count != 1) revert SelectorNotAllowed(call.target, selector);
            if (call.data.length != 36) revert InvalidCut(call.target);
            return bytes32(0);
        }
        if (!_isCut(call.data)) revert SelectorNotAllowed(call.target, selector);
        return _inspectCut(call, p.initAllowed);
    }

    function _inspectCut(IUpgradeRegistry.LinkedCall memory call, bool initAllowed) private view returns (bytes32) {
        (IDiamondCut.FacetCut[] memory cuts, address init) = _decodeCut(call.data);
        if (cuts.length == 0) revert InvalidCut(call.target);
        if (init != address(0) && !initAllowed) revert InitNotAllowed(call.target, init);
        bytes32[] memory hashes = new bytes32[](cuts.length + 1);
        for (uint256 i = 0; i < cuts.length; ++i) {
            bool removes = cuts[i].action == IDiamondCut.FacetCutAction.Remove;
            if (removes != (cuts[i].facetAddress == address(0)) || cuts[i].functionSelectors.length == 0) {
                revert InvalidCut(call.target);
            }
            if (!removes) hashes[i] = _codeOf(cuts[i].facetAddress);
        }
        if (init != address(0)) hashes[cuts.length] = _codeOf(init);
        return keccak256(abi.encodePacked(hashes));
    }

    function _codeOf(address facet) private view returns (bytes32) {
        if (facet.code.length == 0) revert FacetWithoutCode(facet);
        return facet.codehash;
    }

    /// @dev The diamond answers each function as the cut says.
    function _checkRoutes(address target, bytes memory data) private view {
        (IDiamondCut.FacetCut[] memory cuts,) = _decodeCut(data);
        for (uint256 i = 0; i < cuts.length; ++i) {
            bytes4[] memory selectors = cuts[i].functionSelectors;
            for (uint256 j = 0; j < selectors.length; ++j) {
                // slither-disable-next-line calls-loop
                address facet = IDiamondLoupe(target).facetAddress(selectors[j]);
                if (facet != cuts[i].facetAddress) revert CutNotApplied(target, selectors[j]);
            }
        }
    }

    /// @dev The diamond is still the registry's and can still be cut.
    function _checkKept(address target) private view {
        // slither-disable-next-line calls-loop
        if (IDiamondOwnership(target).owner() != address(this)) revert OwnershipLost(target);
        // slither-disable-next-line calls-loop
        if (IDiamondLoupe(target).facetAddress(IDiamondCut.diamondCut.selector) == address(0)) revert CutLost(target);
    }

    function _isTarget(address target) internal view returns (bool) {
        for (uint256 i = 0; i < _targets.length; ++i) {
            if (_targets[i] == target) return true;
        }
        return false;
    }

    function _isCut(bytes memory data) private pure returns (bool) {
        return bytes4(data) == IDiamondCut.diamondCut.selector;
    }

    function _isSetting(bytes4 selector) private pure returns (bool) {
        return selector == IUpgradeRegistry.setCouncil.selector
            || selector == IUpgradeRegistry.setPowerSource.selector
            || selector == IUpgradeRegistry.setSuccessor.selector || selector == IUpgradeRegistry.setTarget.selector
            || selector == IUpgradeRegistry.setProposers.selector;
    }

    /// @dev The cut of a call that `_isCut`. Arguments that are none revert.
    function _decodeCut(bytes memory data)
        private
        pure
        returns (IDiamondCut.FacetCut[] memory cuts, address init)
    {
        bytes memory arguments = new bytes(data.length - 4);
        // Word by word; the last one may reach into the padding of `arguments`, which is its own.
        assembly ("memory-safe") {
            let size := mload(arguments)
            for { let i := 0 } lt(i, size) { i := add(i, 0x20) } {
                mstore(add(add(arguments, 0x20), i), mload(add(add(data, 0x24), i)))
            }
        }
        (cuts, init,) = abi.decode(arguments, (IDiamondCut.FacetCut[], address, bytes));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryLife} from "./RegistryLife.sol";

/// @title The verdict, and who crossed
abstract contract RegistryCrossing is RegistryLife {
    /// @notice Stores the verdict and the membership it was taken on, once, for good. By anyone, from H-F to H-2.
    ///         Cross: more than 2/3 of the power is ready and armed, a share by readiness is still reached, and calls that
    ///         had to come first were made.
    /// @param id the scheduled proposal
    function freeze(uint64 id) external {
        Proposal storage p = _existing(id);
        if (p.frozenAt != 0) revert AlreadyFrozen(id, p.frozenAt);
        if (p.status != IUpgradeRegistry.Status.Scheduled) revert WrongStatus(id, p.status);
        uint256 first = p.targetHeight - _freezeBlocks;
        uint256 last = p.targetHeight - 2;
        if (block.number < first) revert TooEarly(id, first, block.number);
        if (block.number > last) revert TooLate(id, last, block.number);
        (IPowerSource.Member[] memory members, uint256 total) = _membership();
        (uint256 ready, uint256 armed, uint256 go) = _tally(id, members);
        bool cross = _moreThanTwoThirds(go, total);
        if (p.scheduleKind == IUpgradeRegistry.ScheduleKind.Readiness && !_readyEnough(p, ready, total)) cross = false;
        if (p.contractsFirst && p.contractsAt == 0) cross = false;
        IUpgradeRegistry.Verdict verdict = cross ? IUpgradeRegistry.Verdict.Cross : IUpgradeRegistry.Verdict.Abort;

        p.verdict = verdict;
        p.frozenAt = uint64(block.number);
        p.readyPower = ready;
        p.armedPower = armed;
        p.goPower = go;
        p.totalPower = total;
        _keep(_frozen[id], members, total);
        emit ProposalFrozen(id, verdict, ready, armed, go, total);
        if (!cross) _end(id, p, IUpgradeRegistry.Status.Aborted);
    }

    /// @notice Says that the validator's node runs the new release and that H is committed. By the validators of the
    ///         frozen membership or their operator keys, after H, once each. More than 2/3 of the frozen power makes
    ///         the proposal Executed. After its end it is still recorded, but the end stays.
    /// @param id the proposal, frozen with the verdict Cross
    /// @param exeHash SHA-256 of the executable that runs; not zero
    /// @param appHash the application hash that the node has after H
    function confirmCrossed(uint64 id, bytes32 exeHash, bytes32 appHash) external {
        Proposal storage p = _existing(id);
        (IUpgradeRegistry.Status status, IUpgradeRegistry.Verdict verdict) = _effective(p, false);
        if (verdict != IUpgradeRegistry.Verdict.Cross) revert NotCrossing(id, verdict);
        if (block.number <= p.targetHeight) revert TooEarly(id, uint256(p.targetHeight) + 1, block.number);
        address validator = msg.sender;
        if (_frozen[id].powerOf[validator] == 0) validator = _validatorOf[msg.sender];
        uint256 power = _frozen[id].powerOf[validator];
        if (power == 0) revert NotAValidator(msg.sender);
        if (exeHash == bytes32(0)) revert ZeroExeHash();
        Signal storage s = _signals[id][validator];
        if (s.confirmedAt != 0) revert AlreadyConfirmed(id, validator);

        s.confirmedAt = uint64(block.number);
        s.exeHash = exeHash;
        s.appHash = appHash;
        p.confirmedPower += power;
        emit CrossingConfirmed(id, validator, msg.sender, exeHash, appHash);
        // `status` is Scheduled within the execution window only, and not after a rollback.
        if (status == IUpgradeRegistry.Status.Scheduled && _moreThanTwoThirds(p.confirmedPower, p.totalPower)) {
            p.status = IUpgradeRegistry.Status.Executed;
            p.endedAt = uint64(block.number);
            emit ProposalExecuted(id, p.confirmedPower, p.totalPower);
        }
    }
}

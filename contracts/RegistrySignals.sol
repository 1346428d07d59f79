// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryLife} from "./RegistryLife.sol";
import {RegistryText} from "./RegistryText.sol";

/// @title What validators say about a release before the freeze, with their own key or their operator key
abstract contract RegistrySignals is RegistryLife, RegistryText {
    /// @notice Names the key that signals for the calling validator, so that the consensus key signs this and no more.
    /// @param operator a key that serves no other validator and is none of the current set; zero for none any more
    function setOperator(address operator) external {
        (IPowerSource.Member[] memory members,) = _membership();
        if (_powerIn(members, msg.sender) == 0) revert NotAValidator(msg.sender);
        address previous = _operatorOf[msg.sender];
        if (operator == previous) revert OperatorUnchanged(operator);
        if (operator != address(0)) {
            if (_contains(members, operator)) revert OperatorIsValidator(operator);
            if (_validatorOf[operator] != address(0)) revert OperatorTaken(operator, _validatorOf[operator]);
        }

        if (previous != address(0)) delete _validatorOf[previous];
        _operatorOf[msg.sender] = operator;
        if (operator != address(0)) _validatorOf[operator] = msg.sender;
        emit OperatorSet(msg.sender, previous, operator);
    }

    /// @notice Says that the release is verified, staged and checked on the validator's machine. Clears a failure.
    /// @param id the approved or scheduled proposal
    /// @param releaseHash the hash of what was staged; must be the proposal's
    function signalReady(uint64 id, bytes32 releaseHash) external {
        _ready(id, releaseHash, msg.sender);
    }

    /// @notice Takes the readiness back.
    /// @param id the approved or scheduled proposal
    function withdrawReady(uint64 id) external {
        (, Signal storage s, address validator) = _signalling(id, msg.sender);
        if (s.readyAt == 0) revert NotReady(id, validator);

        s.readyAt = 0;
        s.readyTime = 0;
        emit ReadyWithdrawn(id, validator, msg.sender);
    }

    /// @notice Says that the validator's running node has loaded the target height and will stop there.
    /// @param id the scheduled proposal
    /// @param height the height that was loaded; must be the proposal's
    function signalArmed(uint64 id, uint64 height) external {
        (Proposal storage p, Signal storage s, address validator) = _signalling(id, msg.sender);
        if (p.scheduledAt == 0) revert WrongStatus(id, p.status);
        if (height != p.targetHeight) revert WrongHeight(p.targetHeight, height);
        if (s.armedAt != 0) revert AlreadyArmed(id, validator);

        s.armedAt = uint64(block.number);
        emit ArmedSignalled(id, validator, msg.sender, height);
    }

    /// @notice Says that the preparation failed. Another code replaces the first; signalReady clears it.
    /// @param id the approved or scheduled proposal
    /// @param code why, from 1
    function reportFailure(uint64 id, uint16 code) external {
        (, Signal storage s, address validator) = _signalling(id, msg.sender);
        if (code == 0) revert ZeroFailureCode();
        if (s.readyAt != 0) revert AlreadyReady(id, validator);
        if (s.failureCode == code) revert FailureUnchanged(id, validator, code);

        s.failureCode = code;
        s.failedAt = uint64(block.number);
        emit FailureReported(id, validator, msg.sender, code);
    }

    /// @notice Says what the validator runs, apart from any proposal.
    /// @param version its name: 1 to 32 printable ASCII characters, then zeros
    /// @param protocol the version of the protocol, a number
    /// @param releaseHash the hash of the release; may be zero
    function advertise(bytes32 version, uint64 protocol, bytes32 releaseHash) external {
        address validator = _validatorFor(msg.sender);
        _checkVersion(version);

        _advertised[validator] = Advertised({
            version: version,
            releaseHash: releaseHash,
            protocol: protocol,
            saidAt: uint64(block.number),
            saidTime: uint64(block.timestamp)
        });
        emit VersionAdvertised(validator, msg.sender, version, protocol, releaseHash);
    }

    /// @dev The readiness of the validator that `sender` speaks for.
    function _ready(uint64 id, bytes32 releaseHash, address sender) internal {
        (Proposal storage p, Signal storage s, address validator) = _signalling(id, sender);
        if (releaseHash != p.releaseHash) revert WrongReleaseHash(p.releaseHash, releaseHash);
        if (s.readyAt != 0) revert AlreadyReady(id, validator);

        s.readyAt = uint64(block.number);
        s.readyTime = uint64(block.timestamp);
        s.failureCode = 0;
        s.failedAt = 0;
        emit ReadySignalled(id, validator, sender);
    }

    /// @dev What every signal needs: a release that nodes prepare for, its freeze not begun, and a sender that speaks for
    ///      a validator. What was said of the bytes before a replacement is forgotten here.
    function _signalling(uint64 id, address sender)
        private
        returns (Proposal storage p, Signal storage s, address validator)
    {
        p = _existing(id);
        _beforeFreeze(id, p);
        (IUpgradeRegistry.Status status,) = _effective(p, false);
        if (status != IUpgradeRegistry.Status.Approved && status != IUpgradeRegistry.Status.Scheduled) {
            revert WrongStatus(id, status);
        }
        if (p.releaseKind == IUpgradeRegistry.ReleaseKind.None) revert NoRelease(id);
        validator = _validatorFor(sender);
        s = _signals[id][validator];
        if (s.round != p.releaseRound) {
            s.round = p.releaseRound;
            s.readyAt = 0;
            s.readyTime = 0;
            s.failureCode = 0;
            s.failedAt = 0;
        }
    }

    /// @dev A validator's own key speaks for itself, even if another validator named it its operator before it joined.
    function _validatorFor(address sender) private view returns (address validator) {
        (IPowerSource.Member[] memory members,) = _membership();
        validator = _contains(members, sender) ? sender : _validatorOf[sender];
        if (_powerIn(members, validator) == 0) revert NotAValidator(sender);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IPowerSource} from "./IPowerSource.sol";
import {ISubnetActor} from "./ISubnetActor.sol";

/// @title Voting power from the subnet actor of an IPC subnet, for a registry on the parent chain
/// @notice Counts the validators that are active; getTotalCurrentPower() of the actor would count those that wait too.
///         Which name the actor gives to power is found out at each read: the actor is a diamond, so its owner can
///         take it from one to the other without asking anyone here, and a registry that could not read its validators
///         any more could not even vote for another source.
///
///         The registry checks each set that it reads. Here only what one read may cost is bounded: no list is taken that
///         is longer than the largest set, and no answer is copied that is longer than it has to be.
contract SubnetActorPowerSource is IPowerSource {
    /// @notice The largest set that is read: the registry's limit.
    uint256 public constant MAX_VALIDATORS = 256;

    /// @notice The subnet actor that this adapter reads.
    ISubnetActor public immutable subnetActor;

    /// @notice The address does not answer as a subnet actor does.
    error NotASubnetActor(address given);
    /// @notice The actor names more validators than the registry takes.
    error TooManyValidators(uint256 limit, uint256 given);
    /// @notice The actor names a validator and does not say its power.
    error NoPower(address validator);

    /// @param subnetActor_ the subnet actor diamond, on this chain
    constructor(ISubnetActor subnetActor_) {
        subnetActor = subnetActor_;
        if (address(subnetActor_).code.length == 0) revert NotASubnetActor(address(subnetActor_));
        _activeValidators(subnetActor_);
    }

    /// @inheritdoc IPowerSource
    function membership() external view returns (Member[] memory members, uint64 configurationNumber) {
        ISubnetActor actor = subnetActor;
        address[] memory active = _activeValidators(actor);
        members = new Member[](active.length);
        bytes4 getter = ISubnetActor.getCurrentPower.selector;
        for (uint256 i = 0; i < active.length; ++i) {
            (bool said, uint256 power) = _power(actor, getter, active[i]);
            if (!said && i == 0) {
                getter = ISubnetActor.getPower.selector;
                (said, power) = _power(actor, getter, active[i]);
            }
            if (!said) revert NoPower(active[i]);
            members[i] = Member({validator: active[i], power: power});
        }
        configurationNumber = _configurationNumber(actor);
    }

    function _activeValidators(ISubnetActor actor) private view returns (address[] memory) {
        uint256 most = 64 + 32 * MAX_VALIDATORS;
        (bool done, uint256 size, bytes memory answer) =
            _ask(actor, abi.encodeCall(ISubnetActor.getActiveValidators, ()), most);
        if (!done || size < 64) revert NotASubnetActor(address(actor));
        if (size > most) revert TooManyValidators(MAX_VALIDATORS, (size - 64) / 32);
        return abi.decode(answer, (address[]));
    }

    function _power(ISubnetActor actor, bytes4 getter, address validator) private view returns (bool, uint256) {
        (bool done, uint256 size, bytes memory answer) = _ask(actor, abi.encodeWithSelector(getter, validator), 32);
        return done && size == 32 ? (true, abi.decode(answer, (uint256))) : (false, 0);
    }

    /// @dev Changes are numbered from 1, so that the number before the first unconfirmed one is that of the set: the
    ///      same that the gateway of the subnet gives to it, 0 for the set of genesis.
    function _configurationNumber(ISubnetActor actor) private view returns (uint64) {
        (bool done, uint256 size, bytes memory answer) =
            _ask(actor, abi.encodeCall(ISubnetActor.getConfigurationNumbers, ()), 64);
        if (!done || size != 64) revert NotASubnetActor(address(actor));
        (, uint64 start) = abi.decode(answer, (uint64, uint64));
        return start == 0 ? 0 : start - 1;
    }

    /// @dev A call that changes nothing and copies at most `most` bytes; `answer` is empty where there would be more,
    ///      and where the call failed. Solidity's own call would copy whatever comes, at the caller's cost.
    function _ask(ISubnetActor actor, bytes memory question, uint256 most)
        private
        view
        returns (bool done, uint256 size, bytes memory answer)
    {
        assembly ("memory-safe") {
            done := staticcall(gas(), actor, add(question, 0x20), mload(question), 0, 0)
            size := returndatasize()
            if and(done, iszero(gt(size, most))) {
                answer := mload(0x40)
                mstore(answer, size)
                returndatacopy(add(answer, 0x20), 0, size)
                mstore(0x40, add(add(answer, 0x20), and(add(size, 0x1f), not(0x1f))))
            }
        }
    }
}

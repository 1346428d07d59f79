// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryState} from "./RegistryState.sol";

/// @title Who has how much to say, and the rules of power
abstract contract RegistryPower is RegistryState {
    /// @dev The most turns in which a whole set arms. A turn holds one validator, or several that hold at most 1/10 of
    ///      the power together, filled greedily in an order that everyone knows. So the first validator of a turn did
    ///      not fit into the turn before it, and two neighbouring turns hold more than 1/10 together. Of g turns,
    ///      floor(g/2) disjoint neighbouring pairs hold more than floor(g/2)/10 of the power, which is at most all of
    ///      it: floor(g/2) < 10, hence g <= 19. And no turn is empty: g <= n. (Without any power one turn holds all.)
    uint256 private constant _MAX_ARMING_TURNS = 19;
    /// @dev Each turn gets at least three blocks of lead (DESIGN §4.6).
    uint256 private constant _BLOCKS_PER_TURN = 3;
    /// @dev Blocks of lead for the proposal to be seen by every controller.
    uint256 private constant _NOTICE_BLOCKS = 3;
    /// @dev With at most 256 validators below this, no sum and no product of this contract can overflow; the largest
    ///      product is 10000 times a total.
    uint256 private constant _MAX_POWER = type(uint224).max;

    /// @dev The membership of the moment.
    function _membership() internal view returns (IPowerSource.Member[] memory members, uint256 total) {
        (members, total,) = _membershipOf(_powerSource);
    }

    /// @dev A membership, checked: at most 256 validators, none zero, none twice, no absurd power.
    function _membershipOf(IPowerSource source)
        internal
        view
        returns (IPowerSource.Member[] memory members, uint256 total, uint64 number)
    {
        // In a loop of a view at most once: the view keeps what it has read.
        // slither-disable-next-line calls-loop
        (members, number) = source.membership();
        uint256 count = members.length;
        if (count > MAX_VALIDATORS) revert TooManyValidators(MAX_VALIDATORS, count);
        // An open-addressing set, at most half full, finds duplicates without comparing all pairs.
        uint256 size = 2;
        while (size < 2 * count) size *= 2;
        address[] memory seen = new address[](size);
        for (uint256 i = 0; i < count; ++i) {
            address validator = members[i].validator;
            if (validator == address(0)) revert ZeroValidator(i);
            if (members[i].power > _MAX_POWER) revert PowerTooLarge(validator, members[i].power);
            uint256 slot = uint160(validator) & (size - 1);
            while (seen[slot] != address(0)) {
                if (seen[slot] == validator) revert DuplicateValidator(validator);
                slot = (slot + 1) & (size - 1);
            }
            seen[slot] = validator;
            total += members[i].power;
        }
    }

    /// @dev Keeps a membership for good; `to` has to be empty.
    function _keep(Powers storage to, IPowerSource.Member[] memory members, uint256 total) internal {
        to.total = total;
        for (uint256 i = 0; i < members.length; ++i) {
            to.members.push(members[i].validator);
            to.powerOf[members[i].validator] = members[i].power;
        }
    }

    function _kept(Powers storage from) internal view returns (IPowerSource.Member[] memory members) {
        members = new IPowerSource.Member[](from.members.length);
        for (uint256 i = 0; i < members.length; ++i) {
            address validator = from.members[i];
            members[i] = IPowerSource.Member({validator: validator, power: from.powerOf[validator]});
        }
    }

    function _contains(IPowerSource.Member[] memory members, address validator) internal pure returns (bool) {
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i].validator == validator) return true;
        }
        return false;
    }

    /// @dev 0 for one who is not in the set: a validator without power has no say.
    function _powerIn(IPowerSource.Member[] memory members, address validator) internal pure returns (uint256) {
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i].validator == validator) return members[i].power;
        }
        return 0;
    }

    /// @dev The power of the members that are ready for the release of this round, that are armed, and that are both.
    function _tally(uint64 id, IPowerSource.Member[] memory members)
        internal
        view
        returns (uint256 ready, uint256 armed, uint256 go)
    {
        uint16 round = _proposals[id].releaseRound;
        for (uint256 i = 0; i < members.length; ++i) {
            Signal storage s = _signals[id][members[i].validator];
            // A signal is of this round or of another.
            // slither-disable-next-line incorrect-equality
            bool isReady = s.readyAt != 0 && s.round == round;
            bool isArmed = s.armedAt != 0;
            if (isReady) ready += members[i].power;
            if (isArmed) armed += members[i].power;
            if (isReady && isArmed) go += members[i].power;
        }
    }

    /// @dev False for a total of zero.
    function _moreThanTwoThirds(uint256 power, uint256 total) internal pure returns (bool) {
        return total > 0 && 3 * power > 2 * total;
    }

    /// @dev What a proposal of kind Readiness asks for; more than 2/3 of the power whatever its share says.
    function _readyEnough(Proposal storage p, uint256 ready, uint256 total) internal view returns (bool) {
        return _moreThanTwoThirds(ready, total) && ready * 10_000 >= total * p.readinessBps;
    }

    /// @dev More than 2/3 say yes; for a WASM migration at least 3/4.
    function _passes(Proposal storage p, uint256 total) internal view returns (bool) {
        if (p.migrationKind == IUpgradeRegistry.MigrationKind.Wasm) return 4 * p.yesPower >= 3 * total;
        return _moreThanTwoThirds(p.yesPower, total);
    }

    /// @dev So much says no that the rest cannot pass it any more.
    function _fails(Proposal storage p, uint256 total) internal view returns (bool) {
        if (p.migrationKind == IUpgradeRegistry.MigrationKind.Wasm) return 4 * p.noPower > total;
        return 3 * p.noPower >= total;
    }

    function _minimumLead(uint256 validators) internal view returns (uint256) {
        uint256 turns = validators < _MAX_ARMING_TURNS ? validators : _MAX_ARMING_TURNS;
        return uint256(_freezeBlocks) + _BLOCKS_PER_TURN * turns + _NOTICE_BLOCKS;
    }
}

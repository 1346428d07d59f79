// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IPowerSource} from "./IPowerSource.sol";
import {RegistryPower} from "./RegistryPower.sol";

/// @title What a registry is set to: at its deployment, then by votes alone
abstract contract RegistrySettings is RegistryPower {
    /// @notice The most members of a council.
    uint256 public constant MAX_COUNCIL = 16;
    /// @notice The most diamonds that calls may go to.
    uint256 public constant MAX_TARGETS = 16;

    function _setCouncil(address[] memory members, uint8 threshold) internal {
        uint256 count = members.length;
        // Without members there is no threshold, and so no emergency halt.
        bool none = count == 0 && threshold == 0;
        if (!none && (count > MAX_COUNCIL || threshold > count || 2 * uint256(threshold) <= count)) {
            revert InvalidCouncil(count, threshold);
        }
        for (uint256 i = 0; i < count; ++i) {
            if (members[i] == address(0)) revert InvalidCouncilMember(members[i]);
            for (uint256 j = 0; j < i; ++j) {
                if (members[i] == members[j]) revert InvalidCouncilMember(members[i]);
            }
        }

        _council = members;
        _councilThreshold = threshold;
        emit CouncilSet(members, threshold);
    }

    /// @dev A source has to answer with a set that could decide; afterwards nobody could replace it otherwise.
    function _setPowerSource(address source) internal {
        if (source.code.length == 0) revert NotAPowerSource(source);
        IPowerSource next = IPowerSource(source);
        (, uint256 total,) = _membershipOf(next);
        if (total == 0) revert NoPower();

        emit PowerSourceSet(address(_powerSource), source);
        _powerSource = next;
    }

    function _setTarget(address target, bool allowed) internal {
        uint256 count = _targets.length;
        uint256 place = 0;
        while (place < count && _targets[place] != target) ++place;
        if (allowed) {
            bool fits = place == count && count < MAX_TARGETS && target != address(this) && target.code.length != 0;
            if (!fits) revert InvalidTarget(target);
            _targets.push(target);
        } else {
            if (place == count) revert InvalidTarget(target);
            _targets[place] = _targets[count - 1];
            _targets.pop();
        }
        emit TargetSet(target, allowed);
    }

    function _setProposers(address admin, uint256 minProposerPower) internal {
        _admin = admin;
        _minProposerPower = minProposerPower;
        emit ProposersSet(admin, minProposerPower);
    }
}

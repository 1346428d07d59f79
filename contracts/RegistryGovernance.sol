// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {RegistrySettings} from "./RegistrySettings.sol";

/// @title Settings that a vote changes: linked calls of the registry to itself
abstract contract RegistryGovernance is RegistrySettings {
    /// @dev The registry makes a call to itself only for a proposal that was voted for.
    modifier onlySelf() {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        _;
    }

    /// @notice Sets who may stop an upgrade in an emergency, and how many have to agree.
    /// @param members at most 16, none twice; none at all for no emergency halt
    /// @param threshold more than half of them
    function setCouncil(address[] calldata members, uint8 threshold) external onlySelf {
        _setCouncil(members, threshold);
    }

    /// @notice Sets where power comes from.
    /// @param source an IPowerSource whose validators have power
    function setPowerSource(address source) external onlySelf {
        _setPowerSource(source);
    }

    /// @notice Names the registry that follows this one; consoles go there when their operators confirm it.
    /// @param registry another contract, or zero for none
    function setSuccessor(address registry) external onlySelf {
        if (registry != address(0) && (registry == address(this) || registry.code.length == 0)) {
            revert InvalidSuccessor(registry);
        }
        _successor = registry;
        emit SuccessorSet(registry);
    }

    /// @notice Says whether linked calls may go to a diamond.
    /// @param target the diamond
    /// @param allowed whether they may
    function setTarget(address target, bool allowed) external onlySelf {
        _setTarget(target, allowed);
    }

    /// @notice Sets who may propose.
    /// @param admin an account that may without being a validator; zero for none
    /// @param minProposerPower the least power of a validator that may
    function setProposers(address admin, uint256 minProposerPower) external onlySelf {
        _setProposers(admin, minProposerPower);
    }
}

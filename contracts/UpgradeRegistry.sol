// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {RegistryCrossing} from "./RegistryCrossing.sol";
import {RegistrySettings} from "./RegistrySettings.sol";
import {RegistrySignatures} from "./RegistrySignatures.sol";
import {RegistryViews} from "./RegistryViews.sol";

/// @title UpgradeRegistry: which release a subnet runs from which height on, and who is prepared for it
/// @notice IUpgradeRegistry at one address, and all of its storage. A contract has at most 24 KiB of code, so that this is
///         only the first half of it: votes, signals, verdict and views. What it does not have itself it delegates to
///         RegistryExtension, which is fixed at deployment.
///
///         On transactions and calls: a transaction of block N sees block.number = N, and so does a call that is
///         answered from the state after block N. At block.number = H-2 without a freeze the two differ: a transaction
///         may still freeze, but a call looks at a block that is over, and no later block can freeze any more.
contract UpgradeRegistry is RegistrySignatures, RegistryCrossing, RegistrySettings, RegistryViews {
    /// @notice The shortest freeze, in blocks.
    uint64 public constant MIN_FREEZE_BLOCKS = 5;
    /// @notice The longest freeze, in blocks.
    uint64 public constant MAX_FREEZE_BLOCKS = 10_000;

    /// @notice The second half.
    address public immutable extension;

    /// @param config what it is deployed with
    /// @param extension_ a RegistryExtension; it keeps nothing of its own
    constructor(IUpgradeRegistry.Config memory config, address extension_) {
        if (extension_.code.length == 0) revert NotAnExtension(extension_);
        if (config.freezeBlocks < MIN_FREEZE_BLOCKS || config.freezeBlocks > MAX_FREEZE_BLOCKS) {
            revert InvalidFreeze(MIN_FREEZE_BLOCKS, MAX_FREEZE_BLOCKS, config.freezeBlocks);
        }
        if (config.executionWindow == 0) revert ZeroExecutionWindow();
        if (config.minExpeditedBlocks == 0 || config.minVotingBlocks < config.minExpeditedBlocks) {
            revert InvalidVotingBlocks(config.minVotingBlocks, config.minExpeditedBlocks);
        }
        extension = extension_;
        _freezeBlocks = config.freezeBlocks;
        _executionWindow = config.executionWindow;
        _votingRequired = config.votingRequired;
        _minVotingBlocks = config.minVotingBlocks;
        _minExpeditedBlocks = config.minExpeditedBlocks;
        _setPowerSource(config.powerSource);
        _setProposers(config.admin, config.minProposerPower);
        _setCouncil(config.council, config.councilThreshold);
        for (uint256 i = 0; i < config.targets.length; ++i) {
            _setTarget(config.targets[i], true);
        }
    }

    /// @dev Everything else is in the second half, which works on this contract's storage. It takes no value.
    fallback(bytes calldata input) external returns (bytes memory) {
        return Address.functionDelegateCall(extension, input);
    }
}

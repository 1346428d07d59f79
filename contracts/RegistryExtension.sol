// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {RegistryApprovals} from "./RegistryApprovals.sol";
import {RegistryGovernance} from "./RegistryGovernance.sol";
import {RegistryProposing} from "./RegistryProposing.sol";

/// @title The second half of the UpgradeRegistry: proposals, linked calls, approvals and settings
/// @notice Works on the storage of the registry that delegates to it. Called directly it finds no proposal, no power
///         source and no council, so that everything that would change something is refused.
contract RegistryExtension is RegistryProposing, RegistryApprovals, RegistryGovernance {}

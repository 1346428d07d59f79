// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {vm} from "./Vm.sol";

// Compiled with the tests, for coverage; nothing of them is used here.
import {DiamondCutFacet} from "../DiamondCutFacet.sol";
import {DiamondLoupeFacet} from "../DiamondLoupeFacet.sol";
import {GatewayDiamond} from "../GatewayDiamond.sol";
import {GatewayGetterFacet} from "../GatewayGetterFacet.sol";
import {GatewayGetterFacetV2} from "../GatewayGetterFacetV2.sol";
import {GatewayMembershipFacet} from "../GatewayMembershipFacet.sol";
import {GatewayPowerSource} from "../GatewayPowerSource.sol";
import {OwnershipFacet} from "../OwnershipFacet.sol";
import {RegistryExtension} from "../RegistryExtension.sol";
import {StaticPowerSource} from "../StaticPowerSource.sol";
import {SubnetActorPowerSource} from "../SubnetActorPowerSource.sol";
import {UpgradeRegistry} from "../UpgradeRegistry.sol";

/// @title The contracts under test: the committed bytecode; with CONTRACTS_FROM_SOURCE=true what was compiled just now
/// @notice A test that says `new` would be compiled together with all that it makes, each time anew.
library Deployed {
    /// @dev Creation code with its arguments.
    function code(string memory name, bytes memory arguments) internal returns (bytes memory) {
        if (vm.envOr("CONTRACTS_FROM_SOURCE", false)) {
            return bytes.concat(vm.getCode(string.concat(name, ".sol:", name)), arguments);
        }
        string memory artefact = vm.readFile(string.concat("../console/chain/contracts/", name, ".json"));
        return bytes.concat(vm.parseJsonBytes(artefact, ".bytecode"), arguments);
    }

    /// @dev Deploys it; a refusal comes through.
    function create(bytes memory creation) internal returns (address made) {
        assembly ("memory-safe") {
            made := create(0, add(creation, 0x20), mload(creation))
            if iszero(made) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    function make(string memory name, bytes memory arguments) internal returns (address) {
        return create(code(name, arguments));
    }

    function make(string memory name) internal returns (address) {
        return make(name, "");
    }
}

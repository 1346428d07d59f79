// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {UpgradeRegistry} from "../UpgradeRegistry.sol";
import {OwnershipFacet} from "../OwnershipFacet.sol";
import {vm} from "./Vm.sol";

contract DiamondTest {
    function test_x() public {
        OwnershipFacet f = new OwnershipFacet();
        vm.prank(address(0));
        f.transferOwnership(address(1));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "../IUpgradeRegistry.sol";
import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @dev What each act costs with few and with the most validators; snapshots/ has it, and a change has to be meant.
///        EVM gas of the committed bytecode, not FVM gas.
/// forge-config: default.isolate = true
contract GasTest is World {
    function subnet(uint256 count) internal returns (string memory group) {
        uint256[] memory all = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = 10;
        }
        build(all, true);
        return count == 256 ? "256 validators" : "4 validators";
    }

    function test_few() public {
        life(4);
    }

    function test_most() public {
        life(256);
    }

    function life(uint256 count) internal {
        string memory group = subnet(count);
        (bytes memory there, bytes memory back) = upgrade();
        IUpgradeRegistry.ProposalInput memory input = release(VOTE);
        input.contractsFirst = true;
        uint64 id = propose(input, one(gateway, there), one(gateway, back));
        vm.snapshotGasLastCall(group, "propose a release with a cut and its undo");
        propose(release(VOTE));
        vm.snapshotGasLastCall(group, "propose a second release on the same set");
        vote(id, 0, true);
        vm.snapshotGasLastCall(group, "vote");
        for (uint256 i = 1; i < 2 * count / 3 + 1; ++i) {
            vote(id, i, true);
        }
        vm.snapshotGasLastCall(group, "vote that decides and schedules");
        address operator = address(0x0E);
        address from = validator(0);
        vm.prank(from);
        registry.setOperator(operator);
        vm.snapshotGasLastCall(group, "setOperator");
        vm.prank(operator);
        registry.signalReady(id, HASH);
        vm.snapshotGasLastCall(group, "signalReady");
        uint64 height = registry.proposal(id).targetHeight;
        vm.prank(operator);
        registry.signalArmed(id, height);
        vm.snapshotGasLastCall(group, "signalArmed");
        vm.prank(from);
        registry.advertise("v0.1.0", 1, HASH);
        vm.snapshotGasLastCall(group, "advertise");
        halt(id, 0);
        vm.snapshotGasLastCall(group, "approveEmergencyHalt");
        replace(id, 0, OTHER);
        vm.snapshotGasLastCall(group, "replaceRelease");
        registry.executeContracts(id);
        vm.snapshotGasLastCall(group, "executeContracts");
        for (uint256 i = 1; i < count; ++i) {
            ready(id, i);
            from = validator(i);
            vm.prank(from);
            registry.signalArmed(id, height);
        }
        vm.roll(height - FREEZE);
        registry.freeze(id);
        vm.snapshotGasLastCall(group, "freeze");
        vm.roll(height + 1);
        vm.prank(operator);
        registry.confirmCrossed(id, EXE, HASH);
        vm.snapshotGasLastCall(group, "confirmCrossed");
        registry.readiness(id, 0, 256);
        vm.snapshotGasLastCall(group, "view readiness of all");
        registry.proposals(0, 16);
        vm.snapshotGasLastCall(group, "view proposals");
    }
}

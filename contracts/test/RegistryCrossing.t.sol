// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "../IUpgradeRegistry.sol";
import {RegistryErrors} from "../RegistryErrors.sol";
import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @dev Signals, the verdict, confirmations, and what is approved outside a vote.
contract RegistryCrossingTest is World {
    uint64 internal id;
    uint64 internal height;

    function setUp() public {
        build(powers(10, 10, 10, 10), false);
        id = propose(release(0));
        height = registry.proposal(id).targetHeight;
    }

    function wrong(IUpgradeRegistry.Status found) internal view returns (bytes memory) {
        return abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, found);
    }

    // ------------------------------------------------------------ signals

    function test_operators() public {
        address from = validator(0);
        address other = validator(1);
        address operator = address(0x0E);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, address(this)));
        registry.setOperator(operator);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.OperatorUnchanged.selector, address(0)));
        registry.setOperator(address(0));
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.OperatorIsValidator.selector, other));
        registry.setOperator(other);
        vm.prank(from);
        registry.setOperator(operator);
        vm.prank(other);
        refused(abi.encodeWithSelector(RegistryErrors.OperatorTaken.selector, operator, from));
        registry.setOperator(operator);
        same("operator", registry.operatorOf(from), operator);
        vm.prank(operator);
        registry.signalReady(id, HASH);
        same("ready", registry.proposal(id).readyPower, 10);
        vm.prank(from);
        registry.setOperator(address(0x0F));
        same("of the old one", registry.validatorOf(operator), address(0));
        same("of the new one", registry.validatorOf(address(0x0F)), from);
        vm.prank(from);
        registry.setOperator(address(0));
        same("operator", registry.operatorOf(from), address(0));
        vm.prank(operator);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, operator));
        registry.withdrawReady(id);
    }

    function test_signalsAndTheirRefusals() public {
        address from = validator(0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.WrongReleaseHash.selector, HASH, OTHER));
        registry.signalReady(id, OTHER);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.NotReady.selector, id, from));
        registry.withdrawReady(id);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.WrongHeight.selector, height, height + 1));
        registry.signalArmed(id, height + 1);
        vm.prank(from);
        refused(RegistryErrors.ZeroFailureCode.selector);
        registry.reportFailure(id, 0);
        vm.prank(from);
        registry.reportFailure(id, 3);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.FailureUnchanged.selector, id, from, 3));
        registry.reportFailure(id, 3);
        ready(id, 0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyReady.selector, id, from));
        registry.signalReady(id, HASH);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyReady.selector, id, from));
        registry.reportFailure(id, 4);
        arm(id, 0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyArmed.selector, id, from));
        registry.signalArmed(id, height);
        vm.prank(from);
        registry.withdrawReady(id);
        same("ready", registry.proposal(id).readyPower, 0);
        same("armed", registry.proposal(id).armedPower, 10);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, address(this)));
        registry.signalReady(id, HASH);
        refused(abi.encodeWithSelector(RegistryErrors.UnknownProposal.selector, 9));
        registry.signalReady(9, HASH);
        vm.roll(height - FREEZE);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height - FREEZE - 1, height - FREEZE));
        registry.signalReady(id, HASH);
    }

    function test_noSignalBeforeTheVoteOrAfterTheEnd() public {
        build(powers(10, 10, 10, 10), true);
        id = propose(byReadiness(VOTE));
        address from = validator(0);
        vm.prank(from);
        refused(wrong(IUpgradeRegistry.Status.Voting));
        registry.signalReady(id, HASH);
        votes(id, 3);
        vm.prank(from);
        refused(wrong(IUpgradeRegistry.Status.Approved));
        registry.signalArmed(id, 0);
        halt(id, 0);
        halt(id, 1);
        halt(id, 2);
        vm.prank(from);
        refused(wrong(IUpgradeRegistry.Status.Cancelled));
        registry.signalReady(id, HASH);
    }

    function test_advertising() public {
        bytes32[4] memory versions = [bytes32(0), "v 1", bytes32(abi.encodePacked("a", bytes1(0), "b")), unicode"vé"];
        address from = validator(0);
        for (uint256 i = 0; i < 4; ++i) {
            vm.prank(from);
            refused(abi.encodeWithSelector(RegistryErrors.InvalidVersion.selector, versions[i]));
            registry.advertise(versions[i], 1, HASH);
        }
        vm.prank(from);
        registry.advertise("v0.1.0", 7, HASH);
        (IUpgradeRegistry.ReadinessView[] memory rows, uint256 total) = registry.readiness(0, 0, 2);
        same("total", total, 4);
        same("rows", rows.length, 2);
        same("version", rows[0].version, "v0.1.0");
        same("protocol", rows[0].protocol, 7);
        same("nothing", rows[1].advertisedAt, 0);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, STRANGER));
        vm.prank(STRANGER);
        registry.advertise("v0.1.0", 7, HASH);
    }

    // ------------------------------------------------------------ verdict

    function test_freezeOnceAndInTime() public {
        vm.roll(height - FREEZE - 1);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, id, height - FREEZE, height - FREEZE - 1));
        registry.freeze(id);
        vm.roll(height - 1);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height - 2, height - 1));
        registry.freeze(id);
        vm.roll(height - FREEZE - 1);
        for (uint256 i = 0; i < 4; ++i) {
            ready(id, i);
            if (i != 3) arm(id, i);
        }
        vm.roll(height - 2);
        registry.freeze(id);
        same("verdict", registry.proposal(id).verdict, uint8(IUpgradeRegistry.Verdict.Cross));
        same("go", registry.proposal(id).goPower, 30);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyFrozen.selector, id, height - 2));
        registry.freeze(id);
        // What the set does later moves nothing that is frozen.
        setPowers(powers(1, 2, 3, 4));
        same("total", registry.proposal(id).totalPower, 40);
        (IUpgradeRegistry.ReadinessView[] memory rows,) = registry.readiness(id, 1, 9);
        same("power", rows[0].power, 10);
        same("rows", rows.length, 3);
    }

    function test_twoThirdsAreNotEnough() public {
        setPowers(powers(10, 10, 10, 0));
        readyAndArmed(id, 2);
        vm.roll(height - FREEZE);
        registry.freeze(id);
        stands(id, IUpgradeRegistry.Status.Aborted);
        refused(wrong(IUpgradeRegistry.Status.Aborted));
        registry.expire(id);
        address from = validator(0);
        vm.roll(height + 1);
        vm.prank(from);
        refused(
            abi.encodeWithSelector(RegistryErrors.NotCrossing.selector, id, IUpgradeRegistry.Verdict.Abort)
        );
        registry.confirmCrossed(id, EXE, 0);
        vm.prank(from);
        refused(
            abi.encodeWithSelector(RegistryErrors.NotCrossing.selector, id, IUpgradeRegistry.Verdict.Abort)
        );
        registry.rollback(id, "");
    }

    function test_validatorsThatJoinCountAtTheFreeze() public {
        readyAndArmed(id, 4);
        uint256[] memory more = new uint256[](5);
        (more[0], more[1], more[2], more[3], more[4]) = (10, 10, 10, 10, 20);
        setPowers(more);
        vm.roll(height - FREEZE);
        registry.freeze(id);
        stands(id, IUpgradeRegistry.Status.Aborted);
        same("total", registry.proposal(id).totalPower, 60);
    }

    function test_aShareByReadinessHoldsAtTheFreeze() public {
        build(powers(10, 10, 10, 10), false);
        IUpgradeRegistry.ProposalInput memory input = byReadiness(0);
        input.readinessBps = 10_000;
        id = propose(input);
        for (uint256 i = 0; i < 4; ++i) {
            ready(id, i);
        }
        registry.checkAndSchedule(id);
        for (uint256 i = 0; i < 4; ++i) {
            arm(id, i);
        }
        address from = validator(3);
        vm.prank(from);
        registry.withdrawReady(id);
        vm.roll(registry.proposal(id).targetHeight - FREEZE);
        registry.freeze(id);
        same("go", registry.proposal(id).goPower, 30);
        stands(id, IUpgradeRegistry.Status.Aborted);
    }

    function test_noFreezeOfWhatIsNotScheduled() public {
        vm.prank(ADMIN);
        registry.cancel(id);
        vm.roll(height - FREEZE);
        refused(wrong(IUpgradeRegistry.Status.Cancelled));
        registry.freeze(id);
    }

    // ------------------------------------------------------------ confirmations and rollback

    function test_confirmations() public {
        cross(id);
        address from = validator(0);
        vm.roll(height);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, id, height + 1, height));
        registry.confirmCrossed(id, EXE, 0);
        vm.roll(height + 1);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, address(this)));
        registry.confirmCrossed(id, EXE, 0);
        vm.prank(from);
        refused(RegistryErrors.ZeroExeHash.selector);
        registry.confirmCrossed(id, 0, 0);
        confirm(id, 0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyConfirmed.selector, id, from));
        registry.confirmCrossed(id, EXE, 0);
        confirm(id, 1);
        stands(id, IUpgradeRegistry.Status.Scheduled);
        vm.roll(height + WINDOW);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, id, height + WINDOW + 1, height + WINDOW));
        registry.expire(id);
        confirm(id, 2);
        stands(id, IUpgradeRegistry.Status.Executed);
        confirm(id, 3);
        same("confirmed", registry.proposal(id).confirmedPower, 40);
        same("nothing is scheduled", registry.scheduledId(), 0);
    }

    function test_confirmationsAfterTheWindow() public {
        cross(id);
        vm.roll(height + WINDOW + 1);
        stands(id, IUpgradeRegistry.Status.Expired);
        for (uint256 i = 0; i < 4; ++i) {
            confirm(id, i);
        }
        stands(id, IUpgradeRegistry.Status.Expired);
        address from = validator(0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height + WINDOW, height + WINDOW + 1));
        registry.rollback(id, "");
        registry.expire(id);
        same("ended", registry.proposal(id).endedAt, height + WINDOW + 1);
    }

    function test_rollback() public {
        readyAndArmed(id, 4);
        vm.roll(height - FREEZE);
        registry.freeze(id);
        address from = validator(0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, id, height, height - FREEZE));
        registry.rollback(id, "");
        vm.roll(height);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, address(this)));
        registry.rollback(id, "");
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.TextTooLong.selector, 256, 257));
        registry.rollback(id, string(new bytes(257)));
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.InvalidTextCharacter.selector, 1, bytes1(0x1b)));
        registry.rollback(id, "a\x1b[2J");
        rollback(id, 0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyApproved.selector, id, from));
        registry.rollback(id, "");
        rollback(id, 1);
        same("power", registry.proposal(id).rollbackPower, 20);
        stands(id, IUpgradeRegistry.Status.Scheduled);
        rollback(id, 2);
        stands(id, IUpgradeRegistry.Status.RolledBack);
        (IUpgradeRegistry.ApprovalView[] memory rows, uint256 total) =
            registry.approvals(id, uint8(IUpgradeRegistry.ApprovalKind.Rollback), 1, 1);
        same("approvals", total, 3);
        same("page", rows.length, 1);
        same("its power", rows[0].power, 10);
        from = validator(3);
        vm.prank(from);
        refused(wrong(IUpgradeRegistry.Status.RolledBack));
        registry.rollback(id, "");
        // It frees the registry at once; confirmations are still recorded.
        propose(release(0));
        vm.roll(height + 1);
        confirm(id, 0);
        stands(id, IUpgradeRegistry.Status.RolledBack);
    }

    // ------------------------------------------------------------ the council

    function test_halt() public {
        refused(abi.encodeWithSelector(RegistryErrors.NotInCouncil.selector, address(this)));
        registry.approveEmergencyHalt(id, 1, "");
        vm.prank(member(0));
        refused(RegistryErrors.ZeroHaltCode.selector);
        registry.approveEmergencyHalt(id, 0, "");
        halt(id, 0);
        vm.prank(member(0));
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyApproved.selector, id, member(0)));
        registry.approveEmergencyHalt(id, 1, "");
        halt(id, 4);
        same("approvals", registry.proposal(id).haltApprovals, 2);
        stands(id, IUpgradeRegistry.Status.Scheduled);
        vm.roll(height - FREEZE - 1);
        halt(id, 2);
        stands(id, IUpgradeRegistry.Status.Cancelled);
        same("verdict", registry.proposal(id).verdict, uint8(IUpgradeRegistry.Verdict.Abort));
        vm.prank(member(1));
        refused(wrong(IUpgradeRegistry.Status.Cancelled));
        registry.approveEmergencyHalt(id, 1, "");
        (IUpgradeRegistry.ApprovalView[] memory rows,) = registry.approvals(id, 0, 0, 9);
        same("rows", rows.length, 3);
        same("code", rows[0].code, 2);
        same("text", keccak256(bytes(rows[0].text)), keccak256("stop"));
        refused(abi.encodeWithSelector(RegistryErrors.InvalidApprovalKind.selector, 3));
        registry.approvals(id, 3, 0, 9);
    }

    function test_haltComesTooLate() public {
        halt(id, 0);
        halt(id, 1);
        vm.roll(height - FREEZE);
        vm.prank(member(2));
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height - FREEZE - 1, height - FREEZE));
        registry.approveEmergencyHalt(id, 1, "");
        readyAndArmedBefore();
    }

    function readyAndArmedBefore() internal {
        vm.roll(height - FREEZE - 1);
        cross(id);
        stands(id, IUpgradeRegistry.Status.Scheduled);
    }

    function test_aReleaseInItsVoteIsHalted() public {
        build(powers(10, 10, 10, 10), true);
        id = propose(release(VOTE));
        halt(id, 0);
        halt(id, 1);
        halt(id, 2);
        stands(id, IUpgradeRegistry.Status.Cancelled);
        same("no height was announced", registry.proposal(id).verdict, uint8(IUpgradeRegistry.Verdict.None));
        address from = validator(0);
        vm.prank(from);
        refused(wrong(IUpgradeRegistry.Status.Cancelled));
        registry.vote(id, true);
    }

    // ------------------------------------------------------------ other bytes

    function test_replacement() public {
        readyAndArmed(id, 4);
        address from = validator(0);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, address(this)));
        registry.replaceRelease(id, OTHER, URL);
        vm.prank(from);
        refused(RegistryErrors.ZeroReleaseHash.selector);
        registry.replaceRelease(id, 0, URL);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.InvalidUrlLength.selector, 512, 0));
        registry.replaceRelease(id, OTHER, "");
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.ReleaseUnchanged.selector, id));
        registry.replaceRelease(id, HASH, URL);
        replace(id, 0, EXE);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyApproved.selector, id, from));
        registry.replaceRelease(id, EXE, URL);
        replace(id, 1, OTHER);
        same("the most that agree", registry.proposal(id).replacePower, 10);
        replace(id, 0, OTHER);
        same("the most that agree", registry.proposal(id).replacePower, 20);
        (IUpgradeRegistry.ApprovalView[] memory rows, uint256 total) =
            registry.approvals(id, uint8(IUpgradeRegistry.ApprovalKind.Replace), 0, 9);
        same("approvals", total, 2);
        same("subject", rows[0].subject, OTHER);
        replace(id, 2, OTHER);
        IUpgradeRegistry.ProposalView memory shown = registry.proposal(id);
        same("hash", shown.releaseHash, OTHER);
        same("round", shown.releaseRound, 1);
        same("readiness starts again", shown.readyPower, 0);
        same("arming stays", shown.armedPower, 40);
        same("approvals start again", shown.replacePower, 0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.WrongReleaseHash.selector, OTHER, HASH));
        registry.signalReady(id, HASH);
        vm.prank(from);
        registry.signalReady(id, OTHER);
        same("ready", registry.proposal(id).readyPower, 10);
        (IUpgradeRegistry.ReadinessView[] memory parts,) = registry.readiness(id, 0, 9);
        same("not ready for these", parts[1].readyAt, 0);
        vm.roll(height - FREEZE);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height - FREEZE - 1, height - FREEZE));
        registry.replaceRelease(id, EXE, URL);
    }

    function test_noReplacementOfWhatIsOver() public {
        vm.prank(ADMIN);
        registry.cancel(id);
        address from = validator(0);
        vm.prank(from);
        refused(wrong(IUpgradeRegistry.Status.Cancelled));
        registry.replaceRelease(id, OTHER, URL);
    }

    function test_powerThatMovesReplacesNothing() public {
        setPowers(powers(40, 0, 0, 0));
        uint256[] memory moved = powers(0, 40, 0, 0);
        setPowers(powers(20, 20, 0, 0));
        replace(id, 0, OTHER);
        setPowers(moved);
        same("only of the moment", registry.proposal(id).replacePower, 0);
        replace(id, 1, OTHER);
        same("hash", registry.proposal(id).releaseHash, OTHER);
    }

    /// @dev More than 2/3 and nothing else, at every freeze.
    function testFuzz_theVerdictIsExact(uint256 a, uint256 b, uint256 c, uint256 d, uint8 readyBy, uint8 armedBy)
        public
    {
        uint256 most = type(uint224).max;
        uint256[] memory all = powers(between(a, 0, most), between(b, 0, most), between(c, 0, most), between(d, 0, most));
        setPowers(powers(1, 1, 1, 1));
        uint256 go;
        uint256 total = all[0] + all[1] + all[2] + all[3];
        for (uint256 i = 0; i < 4; ++i) {
            if (readyBy & (1 << i) != 0) ready(id, i);
            if (armedBy & (1 << i) != 0) arm(id, i);
            if (readyBy & armedBy & (1 << i) != 0) go += all[i];
        }
        setPowers(all);
        vm.roll(height - FREEZE);
        registry.freeze(id);
        // By division: those that do not go are less than a third.
        uint256 left = total - go;
        bool expected = total > 0 && (total % 3 == 0 ? left < total / 3 : left <= total / 3);
        holds(
            "verdict",
            expected == (registry.proposal(id).verdict == uint8(IUpgradeRegistry.Verdict.Cross))
        );
        same("go", registry.proposal(id).goPower, go);
    }
}

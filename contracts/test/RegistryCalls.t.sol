// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayGetterFacetV2} from "../GatewayGetterFacetV2.sol";
import {GatewayMembershipFacet} from "../GatewayMembershipFacet.sol";
import {IDiamondCut, IDiamondLoupe, IDiamondOwnership} from "../IDiamond.sol";
import {IUpgradeRegistry} from "../IUpgradeRegistry.sol";
import {RegistryErrors} from "../RegistryErrors.sol";
import {Deployed} from "./Deployed.sol";
import {Gateways} from "./Gateways.sol";
import {vm} from "./Vm.sol";
import {MovingPowerSource, World} from "./World.sol";

/// @dev A target that is no honest diamond: it does what a test sets it to.
contract Hostile {
    address public owner;
    address public answers;
    uint256 public calls;
    IUpgradeRegistry private _again;
    uint64 private _id;

    function set(address owner_, address answers_) external {
        (owner, answers) = (owner_, answers_);
    }

    function callBack(IUpgradeRegistry registry, uint64 id) external {
        (_again, _id) = (registry, id);
    }

    function facetAddress(bytes4) external view returns (address) {
        return answers;
    }

    function diamondCut(IDiamondCut.FacetCut[] calldata, address, bytes calldata) external {
        ++calls;
        if (address(_again) != address(0)) _again.executeContracts(_id);
    }
}

/// @dev Linked calls, their undo, and the registry's own settings.
contract RegistryCallsTest is World {
    bytes internal there;
    bytes internal back;

    function setUp() public {
        build(powers(10, 10, 10, 10), false);
        (there, back) = upgrade();
    }

    function version() internal view returns (uint64) {
        try GatewayGetterFacetV2(gateway).getNetworkVersion() returns (uint64 found) {
            return found;
        } catch {
            return 1;
        }
    }

    function first() internal returns (uint64 id) {
        IUpgradeRegistry.ProposalInput memory input = release(VOTE);
        input.contractsFirst = true;
        id = propose(input, one(gateway, there), one(gateway, back));
    }

    function approved(IUpgradeRegistry.ProposalInput memory input, address target, bytes memory data)
        internal
        returns (uint64 id)
    {
        id = propose(input, one(target, data), none());
        votes(id, 3);
    }

    function refusesCalls(IUpgradeRegistry.ProposalInput memory input, address target, bytes memory data, bytes memory reason)
        internal
    {
        IUpgradeRegistry.LinkedCall[] memory calls = one(target, data);
        vm.prank(ADMIN);
        refused(reason);
        registry.propose(input, calls, none());
    }

    // ------------------------------------------------------------ what may be linked

    function test_callsAlwaysNeedAVote() public {
        IUpgradeRegistry.ProposalInput memory input = release(0);
        refusesCalls(
            input, gateway, there, abi.encodeWithSelector(RegistryErrors.VoteTooShort.selector, VOTE, 0)
        );
        uint64 id = propose(release(VOTE), one(gateway, there), none());
        stands(id, IUpgradeRegistry.Status.Voting);
        (IUpgradeRegistry.LinkedCallView[] memory calls, IUpgradeRegistry.LinkedCallView[] memory undo) =
            registry.linked(id);
        same("calls", calls.length, 1);
        same("undo", undo.length, 0);
        same("target", calls[0].target, gateway);
        same("data", keccak256(calls[0].data), keccak256(there));
        bytes32 code = second.codehash;
        same("codes", calls[0].codesHash, keccak256(abi.encodePacked(code, code, bytes32(0))));
        same("linked", registry.proposal(id).linkedHash, keccak256(abi.encode(one(gateway, there), none())));
        (calls, undo) = registry.linked(propose(afterVote(VOTE), one(gateway, there), one(gateway, back)));
        same("undo", undo.length, 1);
    }

    function test_listsHaveLimits() public {
        IUpgradeRegistry.LinkedCall[] memory many = new IUpgradeRegistry.LinkedCall[](11);
        IUpgradeRegistry.ProposalInput memory input = release(VOTE);
        refused(abi.encodeWithSelector(RegistryErrors.TooManyCalls.selector, 10, 11));
        propose(input, many, none());
        refused(abi.encodeWithSelector(RegistryErrors.TooManyCalls.selector, 10, 11));
        propose(input, one(gateway, there), many);
        input = release(0);
        refused(abi.encodeWithSelector(RegistryErrors.FieldNotAllowed.selector, bytes32("undo")));
        propose(input, none(), one(gateway, back));
        refused(abi.encodeWithSelector(RegistryErrors.FieldNotAllowed.selector, bytes32("undo")));
        propose(alone(), one(gateway, there), one(gateway, back));
        input = release(VOTE);
        input.contractsFirst = true;
        refusesCalls(input, gateway, there, abi.encodeWithSelector(RegistryErrors.UndoMissing.selector));
        bytes memory large = bytes.concat(there, new bytes(16 * 1024));
        uint256 size = abi.encode(one(gateway, large)).length;
        refusesCalls(
            alone(), gateway, large, abi.encodeWithSelector(RegistryErrors.CallsTooLarge.selector, 16 * 1024, size)
        );
    }

    function test_whatMayBeCalled() public {
        bytes memory given = abi.encodeCall(IUpgradeRegistry.setSuccessor, (address(0)));
        bytes4 selector = IUpgradeRegistry.setSuccessor.selector;
        refusesCalls(
            release(VOTE),
            address(registry),
            given,
            abi.encodeWithSelector(RegistryErrors.SelectorNotAllowed.selector, address(registry), selector)
        );
        given = abi.encodeCall(IUpgradeRegistry.freeze, (1));
        refusesCalls(
            alone(),
            address(registry),
            given,
            abi.encodeWithSelector(
                RegistryErrors.SelectorNotAllowed.selector, address(registry), IUpgradeRegistry.freeze.selector
            )
        );
        refusesCalls(
            alone(), second, there, abi.encodeWithSelector(RegistryErrors.TargetNotAllowed.selector, second)
        );
        given = abi.encodeCall(GatewayMembershipFacet.parent, ());
        refusesCalls(
            alone(),
            gateway,
            given,
            abi.encodeWithSelector(
                RegistryErrors.SelectorNotAllowed.selector, gateway, GatewayMembershipFacet.parent.selector
            )
        );
    }

    function test_ownershipGoesAlone() public {
        bytes4 selector = IDiamondOwnership.transferOwnership.selector;
        bytes memory given = abi.encodeCall(IDiamondOwnership.transferOwnership, (STRANGER));
        bytes memory reason = abi.encodeWithSelector(RegistryErrors.SelectorNotAllowed.selector, gateway, selector);
        refusesCalls(release(VOTE), gateway, given, reason);
        IUpgradeRegistry.LinkedCall[] memory two = new IUpgradeRegistry.LinkedCall[](2);
        two[0] = IUpgradeRegistry.LinkedCall({target: gateway, data: given});
        two[1] = IUpgradeRegistry.LinkedCall({target: gateway, data: there});
        IUpgradeRegistry.ProposalInput memory input = alone();
        vm.prank(ADMIN);
        refused(reason);
        registry.propose(input, two, none());
        refusesCalls(
            alone(),
            gateway,
            bytes.concat(given, hex"00"),
            abi.encodeWithSelector(RegistryErrors.InvalidCut.selector, gateway)
        );
        uint64 id = approved(alone(), gateway, given);
        registry.executeContracts(id);
        same("owner", IDiamondOwnership(gateway).owner(), STRANGER);
        stands(id, IUpgradeRegistry.Status.Executed);
    }

    function test_cutsThatAreNone() public {
        IDiamondCut.FacetCut[] memory cuts = new IDiamondCut.FacetCut[](0);
        bytes memory reason = abi.encodeWithSelector(RegistryErrors.InvalidCut.selector, gateway);
        refusesCalls(alone(), gateway, cutData(cuts, address(0), ""), reason);
        bytes4[] memory some = Gateways.list(bytes4(0xabcdef01));
        cuts = Gateways.one(Gateways.cut(second, IDiamondCut.FacetCutAction.Remove, some));
        refusesCalls(alone(), gateway, cutData(cuts, address(0), ""), reason);
        cuts = Gateways.one(Gateways.cut(address(0), IDiamondCut.FacetCutAction.Add, some));
        refusesCalls(alone(), gateway, cutData(cuts, address(0), ""), reason);
        cuts = Gateways.one(Gateways.cut(second, IDiamondCut.FacetCutAction.Add, new bytes4[](0)));
        refusesCalls(alone(), gateway, cutData(cuts, address(0), ""), reason);
        cuts = Gateways.one(Gateways.cut(STRANGER, IDiamondCut.FacetCutAction.Add, some));
        refusesCalls(
            alone(),
            gateway,
            cutData(cuts, address(0), ""),
            abi.encodeWithSelector(RegistryErrors.FacetWithoutCode.selector, STRANGER)
        );
        cuts = Gateways.one(Gateways.cut(second, IDiamondCut.FacetCutAction.Add, some));
        refusesCalls(
            alone(),
            gateway,
            cutData(cuts, second, hex"12"),
            abi.encodeWithSelector(RegistryErrors.InitNotAllowed.selector, gateway, second)
        );
        IUpgradeRegistry.ProposalInput memory input = alone();
        input.initAllowed = true;
        refusesCalls(
            input,
            gateway,
            cutData(cuts, STRANGER, ""),
            abi.encodeWithSelector(RegistryErrors.FacetWithoutCode.selector, STRANGER)
        );
        input.initAllowed = true;
        uint64 id = propose(input, one(gateway, cutData(cuts, second, "")), none());
        holds("asked for", registry.proposal(id).initAllowed);
    }

    // ------------------------------------------------------------ when they are made

    function test_beforeTheUpgradeAndBack() public {
        uint64 id = first();
        refused(abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Voting));
        registry.executeContracts(id);
        votes(id, 3);
        refused(abi.encodeWithSelector(RegistryErrors.ContractsNotDone.selector, id));
        registry.undoContracts(id);
        registry.executeContracts(id);
        same("version", version(), 2);
        refused(abi.encodeWithSelector(RegistryErrors.ContractsDone.selector, id, block.number));
        registry.executeContracts(id);
        refused(
            abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Scheduled)
        );
        registry.undoContracts(id);
        halt(id, 0);
        halt(id, 1);
        halt(id, 2);
        registry.undoContracts(id);
        same("version", version(), 1);
        refused(abi.encodeWithSelector(RegistryErrors.ContractsDone.selector, id, block.number));
        registry.undoContracts(id);
        refused(abi.encodeWithSelector(RegistryErrors.ContractsDone.selector, id, block.number));
        registry.executeContracts(id);
    }

    function test_callsThatHadToComeFirstAndDidNot() public {
        uint64 id = first();
        votes(id, 3);
        readyAndArmed(id, 4);
        uint64 height = registry.proposal(id).targetHeight;
        vm.roll(height - FREEZE);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height - FREEZE - 1, height - FREEZE));
        registry.executeContracts(id);
        registry.freeze(id);
        stands(id, IUpgradeRegistry.Status.Aborted);
    }

    function test_callsThatCameFirst() public {
        uint64 id = first();
        votes(id, 3);
        readyAndArmed(id, 4);
        uint64 height = registry.proposal(id).targetHeight;
        vm.roll(height - FREEZE - 1);
        registry.executeContracts(id);
        vm.roll(height - FREEZE);
        registry.freeze(id);
        same("verdict", registry.proposal(id).verdict, uint8(IUpgradeRegistry.Verdict.Cross));
    }

    function test_afterTheResume() public {
        uint64 id = approved(release(VOTE), gateway, there);
        refused(abi.encodeWithSelector(RegistryErrors.NotCrossing.selector, id, IUpgradeRegistry.Verdict.None));
        registry.executeContracts(id);
        cross(id);
        uint64 height = registry.proposal(id).targetHeight;
        vm.roll(height);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, id, height + 1, height));
        registry.executeContracts(id);
        vm.roll(height + WINDOW + 1);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height + WINDOW, height + WINDOW + 1));
        registry.executeContracts(id);
        vm.roll(height + WINDOW);
        registry.executeContracts(id);
        same("version", version(), 2);
        vm.roll(height + WINDOW + 1);
        refused(abi.encodeWithSelector(RegistryErrors.NoLinkedCalls.selector, id));
        registry.undoContracts(id);
    }

    function test_notAfterARollback() public {
        uint64 id = approved(release(VOTE), gateway, there);
        cross(id);
        rollback(id, 0);
        rollback(id, 1);
        rollback(id, 2);
        refused(
            abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.RolledBack)
        );
        registry.executeContracts(id);
    }

    function test_noCalls() public {
        uint64 id = propose(release(0));
        refused(abi.encodeWithSelector(RegistryErrors.NoLinkedCalls.selector, id));
        registry.executeContracts(id);
    }

    function test_callsAloneRunOut() public {
        uint64 id = approved(alone(), gateway, there);
        vm.roll(100 + WINDOW + 1);
        refused(abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Expired));
        registry.executeContracts(id);
        vm.roll(100 + WINDOW);
        registry.executeContracts(id);
        stands(id, IUpgradeRegistry.Status.Executed);
    }

    // ------------------------------------------------------------ what is looked at again

    function test_codeThatChanged() public {
        uint64 id = approved(alone(), gateway, there);
        vm.etch(second, Deployed.make("OwnershipFacet").code);
        vm.expectRevert();
        registry.executeContracts(id);
        same("version", version(), 1);
    }

    function test_aTargetThatRefuses() public {
        uint64 id = approved(alone(), gateway, back);
        vm.expectRevert();
        registry.executeContracts(id);
        stands(id, IUpgradeRegistry.Status.Approved);
        same("not done", registry.proposal(id).contractsAt, 0);
    }

    function test_aCutThatLosesTheDiamond() public {
        IUpgradeRegistry.ProposalInput memory input = alone();
        input.initAllowed = true;
        address init = IDiamondLoupe(gateway).facetAddress(IDiamondOwnership.transferOwnership.selector);
        // transferOwnership by the initialiser: it runs in the diamond for its owner, the registry.
        bytes memory data = cutData(
            Gateways.one(Gateways.add(second, GatewayGetterFacetV2.getNetworkVersion.selector)),
            init,
            abi.encodeCall(IDiamondOwnership.transferOwnership, (STRANGER))
        );
        uint64 id = approved(input, gateway, data);
        refused(abi.encodeWithSelector(RegistryErrors.OwnershipLost.selector, gateway));
        registry.executeContracts(id);
        same("owner", IDiamondOwnership(gateway).owner(), address(registry));

        data = cutData(
            Gateways.one(
                Gateways.cut(
                    address(0), IDiamondCut.FacetCutAction.Remove, Gateways.list(IDiamondCut.diamondCut.selector)
                )
            ),
            address(0),
            ""
        );
        id = approved(alone(), gateway, data);
        refused(abi.encodeWithSelector(RegistryErrors.CutLost.selector, gateway));
        registry.executeContracts(id);
    }

    function test_aTargetThatLies() public {
        Hostile hostile = new Hostile();
        hostile.set(address(registry), address(0));
        bytes memory data = abi.encodeCall(IUpgradeRegistry.setTarget, (address(hostile), true));
        registry.executeContracts(approved(alone(), address(registry), data));
        uint64 id = approved(alone(), address(hostile), there);
        refused(
            abi.encodeWithSelector(
                RegistryErrors.CutNotApplied.selector, hostile, bytes4(0x6ad21bb0)
            )
        );
        registry.executeContracts(id);
        hostile.set(address(registry), second);
        hostile.callBack(registry, id);
        vm.expectRevert();
        registry.executeContracts(id);
        same("calls", hostile.calls(), 0);
        hostile.callBack(IUpgradeRegistry(address(0)), 0);
        registry.executeContracts(id);
        same("calls", hostile.calls(), 1);
    }

    // ------------------------------------------------------------ settings

    function changes(bytes memory data) internal returns (uint64 id) {
        id = approved(alone(), address(registry), data);
        registry.executeContracts(id);
    }

    function fails(bytes memory data, bytes memory reason) internal {
        uint64 id = approved(alone(), address(registry), data);
        refused(abi.encodeWithSelector(RegistryErrors.CallFailed.selector, address(registry), reason));
        registry.executeContracts(id);
    }

    function test_settingsByVoteAlone() public {
        refused(abi.encodeWithSelector(RegistryErrors.NotSelf.selector, address(this)));
        registry.setProposers(STRANGER, 0);
        changes(abi.encodeCall(IUpgradeRegistry.setProposers, (STRANGER, 5)));
        IUpgradeRegistry.SettingsView memory shown = registry.settings();
        same("admin", shown.admin, STRANGER);
        same("least power", shown.minProposerPower, 5);
        same("proposals", shown.proposalCount, 1);
    }

    function test_theCouncilCannotSaveItself() public {
        address[] memory next = new address[](1);
        next[0] = STRANGER;
        uint64 id = propose(alone(), one(address(registry), abi.encodeCall(IUpgradeRegistry.setCouncil, (next, 1))), none());
        vm.prank(member(0));
        refused(abi.encodeWithSelector(RegistryErrors.NotHaltable.selector, id));
        registry.approveEmergencyHalt(id, 1, "");
        uint64 other = propose(release(0));
        halt(other, 0);
        halt(other, 1);
        votes(id, 3);
        registry.executeContracts(id);
        same("approvals of those who left", registry.proposal(other).haltApprovals, 0);
        vm.prank(member(2));
        refused(abi.encodeWithSelector(RegistryErrors.NotInCouncil.selector, member(2)));
        registry.approveEmergencyHalt(other, 1, "");
        vm.prank(STRANGER);
        registry.approveEmergencyHalt(other, 1, "");
        stands(other, IUpgradeRegistry.Status.Cancelled);
    }

    function test_powerSource() public {
        MovingPowerSource next = new MovingPowerSource();
        bytes memory data = abi.encodeCall(IUpgradeRegistry.setPowerSource, (address(next)));
        fails(data, abi.encodeWithSelector(RegistryErrors.NoPower.selector));
        next.set(membersOf(powers(3, 3, 3, 1)));
        changes(data);
        same("source", registry.settings().powerSource, address(next));
        fails(
            abi.encodeCall(IUpgradeRegistry.setPowerSource, (STRANGER)),
            abi.encodeWithSelector(RegistryErrors.NotAPowerSource.selector, STRANGER)
        );
    }

    function test_aPowerSourceThatFailsIsReplaced() public {
        MovingPowerSource next = new MovingPowerSource();
        next.set(membersOf(powers(1, 2, 3, 4)));
        bytes memory data = abi.encodeCall(IUpgradeRegistry.setPowerSource, (address(next)));
        uint64 id = propose(alone(), one(address(registry), data), none());
        source.breakDown();
        votes(id, 3);
        registry.executeContracts(id);
        same("lead", registry.minimumLead(), 5 + 3 * 4 + 3);
    }

    function test_successor() public {
        fails(
            abi.encodeCall(IUpgradeRegistry.setSuccessor, (STRANGER)),
            abi.encodeWithSelector(RegistryErrors.InvalidSuccessor.selector, STRANGER)
        );
        fails(
            abi.encodeCall(IUpgradeRegistry.setSuccessor, (address(registry))),
            abi.encodeWithSelector(RegistryErrors.InvalidSuccessor.selector, address(registry))
        );
        changes(abi.encodeCall(IUpgradeRegistry.setSuccessor, (second)));
        same("successor", registry.settings().successor, second);
        changes(abi.encodeCall(IUpgradeRegistry.setSuccessor, (address(0))));
        same("successor", registry.settings().successor, address(0));
    }

    function test_targets() public {
        bytes4 reason = RegistryErrors.InvalidTarget.selector;
        fails(
            abi.encodeCall(IUpgradeRegistry.setTarget, (address(registry), true)),
            abi.encodeWithSelector(reason, address(registry))
        );
        fails(abi.encodeCall(IUpgradeRegistry.setTarget, (second, false)), abi.encodeWithSelector(reason, second));
        changes(abi.encodeCall(IUpgradeRegistry.setTarget, (second, true)));
        same("targets", registry.settings().targets.length, 2);
        uint64 id = approved(alone(), gateway, there);
        changes(abi.encodeCall(IUpgradeRegistry.setTarget, (gateway, false)));
        same("targets", registry.settings().targets.length, 1);
        // What was approved is not made any more.
        refused(abi.encodeWithSelector(RegistryErrors.TargetNotAllowed.selector, gateway));
        registry.executeContracts(id);
    }
}

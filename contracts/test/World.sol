// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayGetterFacetV2} from "../GatewayGetterFacetV2.sol";
import {IDiamondCut, IDiamondLoupe, IDiamondOwnership} from "../IDiamond.sol";
import {IGatewayMembership} from "../IGatewayMembership.sol";
import {IPowerSource} from "../IPowerSource.sol";
import {IUpgradeRegistry} from "../IUpgradeRegistry.sol";
import {Deployed} from "./Deployed.sol";
import {Gateways} from "./Gateways.sol";
import {Checks, vm} from "./Vm.sol";

/// @title A validator set that a test moves as it likes; its number grows with each change
contract MovingPowerSource is IPowerSource {
    Member[] private _members;
    uint64 private _number;
    bool private _broken;

    function set(Member[] memory members) external {
        delete _members;
        for (uint256 i = 0; i < members.length; ++i) {
            _members.push(members[i]);
        }
        ++_number;
    }

    /// @dev From now on it answers nothing.
    function breakDown() external {
        _broken = true;
    }

    function membership() external view returns (Member[] memory members, uint64 configurationNumber) {
        require(!_broken, "broken");
        return (_members, _number);
    }
}

/// @title A registry on a set that moves, with a council and a gateway that it owns, at block 100
abstract contract World is Checks {
    uint64 internal constant FREEZE = 5;
    uint64 internal constant WINDOW = 20;
    uint64 internal constant VOTE = 30;
    uint64 internal constant EXPEDITED = 10;
    bytes32 internal constant HASH = bytes32(uint256(0xaa));
    bytes32 internal constant OTHER = bytes32(uint256(0xbb));
    bytes32 internal constant EXE = bytes32(uint256(0xee));
    address internal constant ADMIN = address(0xAD);
    address internal constant STRANGER = address(0x5F);
    string internal constant URL = "https://a.example/v2";

    IUpgradeRegistry internal registry;
    MovingPowerSource internal source;
    address internal gateway;
    address internal second;

    // ------------------------------------------------------------ who and with what

    function key(uint256 number) internal pure returns (uint256) {
        return 1000 + number;
    }

    function validator(uint256 number) internal returns (address) {
        return vm.addr(key(number));
    }

    function member(uint256 number) internal pure returns (address) {
        return address(uint160(0xC000 + number));
    }

    function council() internal pure returns (address[] memory members) {
        members = new address[](5);
        for (uint256 i = 0; i < 5; ++i) {
            members[i] = member(i);
        }
    }

    function powers(uint256 a, uint256 b, uint256 c, uint256 d) internal pure returns (uint256[] memory all) {
        all = new uint256[](4);
        (all[0], all[1], all[2], all[3]) = (a, b, c, d);
    }

    function setPowers(uint256[] memory all) internal {
        source.set(membersOf(all));
    }

    function membersOf(uint256[] memory all) internal returns (IPowerSource.Member[] memory members) {
        members = new IPowerSource.Member[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            members[i] = IPowerSource.Member({validator: validator(i), power: all[i]});
        }
    }

    function config(bool voting) internal view returns (IUpgradeRegistry.Config memory made) {
        made.powerSource = address(source);
        made.admin = ADMIN;
        made.votingRequired = voting;
        made.minVotingBlocks = VOTE;
        made.minExpeditedBlocks = EXPEDITED;
        made.freezeBlocks = FREEZE;
        made.executionWindow = WINDOW;
        made.council = council();
        made.councilThreshold = 3;
        made.targets = new address[](1);
        made.targets[0] = gateway;
    }

    function build(uint256[] memory all, bool voting) internal {
        vm.roll(100);
        source = new MovingPowerSource();
        setPowers(all);
        gateway = Gateways.deploy(address(this), address(this), new IGatewayMembership.Validator[](0));
        second = Deployed.make("GatewayGetterFacetV2");
        registry = deploy(config(voting));
        IDiamondOwnership(gateway).transferOwnership(address(registry));
    }

    function deploy(IUpgradeRegistry.Config memory made) internal returns (IUpgradeRegistry) {
        return IUpgradeRegistry(Deployed.create(creation(made)));
    }

    function creation(IUpgradeRegistry.Config memory made) internal returns (bytes memory) {
        return Deployed.code("UpgradeRegistry", abi.encode(made, Deployed.make("RegistryExtension")));
    }

    // ------------------------------------------------------------ proposals

    function none() internal pure returns (IUpgradeRegistry.LinkedCall[] memory) {
        return new IUpgradeRegistry.LinkedCall[](0);
    }

    function one(address target, bytes memory data) internal pure returns (IUpgradeRegistry.LinkedCall[] memory calls) {
        calls = new IUpgradeRegistry.LinkedCall[](1);
        calls[0] = IUpgradeRegistry.LinkedCall({target: target, data: data});
    }

    /// @dev A release at the first height that is possible with a vote of `voting` blocks.
    function release(uint64 voting) internal view returns (IUpgradeRegistry.ProposalInput memory input) {
        input.name = "v0.2.0";
        input.releaseHash = HASH;
        input.releaseUrl = URL;
        input.breaking = true;
        input.votingBlocks = voting;
        input.targetHeight = uint64(block.number + voting + registry.minimumLead());
    }

    /// @dev A release whose height comes by readiness of 3/4.
    function byReadiness(uint64 voting) internal view returns (IUpgradeRegistry.ProposalInput memory input) {
        input = release(voting);
        input.targetHeight = 0;
        input.scheduleKind = uint8(IUpgradeRegistry.ScheduleKind.Readiness);
        input.delay = uint64(registry.minimumLead());
        input.readinessBps = 7500;
        input.readinessDeadline = uint64(block.number) + voting + 50;
    }

    function afterVote(uint64 voting) internal view returns (IUpgradeRegistry.ProposalInput memory input) {
        input = release(voting);
        input.targetHeight = 0;
        input.scheduleKind = uint8(IUpgradeRegistry.ScheduleKind.AfterVote);
        input.delay = uint64(registry.minimumLead());
    }

    /// @dev Calls without a release.
    function alone() internal pure returns (IUpgradeRegistry.ProposalInput memory input) {
        input.name = "calls";
        input.releaseKind = uint8(IUpgradeRegistry.ReleaseKind.None);
        input.votingBlocks = VOTE;
    }

    function propose(IUpgradeRegistry.ProposalInput memory input) internal returns (uint64) {
        return propose(input, none(), none());
    }

    function propose(
        IUpgradeRegistry.ProposalInput memory input,
        IUpgradeRegistry.LinkedCall[] memory calls,
        IUpgradeRegistry.LinkedCall[] memory undo
    ) internal returns (uint64) {
        vm.prank(ADMIN);
        return registry.propose(input, calls, undo);
    }

    /// @dev The cut from the first version of the gateway's getters to the second, and the way back.
    function upgrade() internal view returns (bytes memory there, bytes memory back) {
        bytes4[] memory getters = Gateways.list(
            IGatewayMembership.getCurrentMembership.selector, IGatewayMembership.getCurrentConfigurationNumber.selector
        );
        bytes4[] memory added = Gateways.list(GatewayGetterFacetV2.getNetworkVersion.selector);
        address first = IDiamondLoupe(gateway).facetAddress(getters[0]);
        there = cutData(
            Gateways.two(
                Gateways.cut(second, IDiamondCut.FacetCutAction.Replace, getters),
                Gateways.cut(second, IDiamondCut.FacetCutAction.Add, added)
            ),
            address(0),
            ""
        );
        back = cutData(
            Gateways.two(
                Gateways.cut(first, IDiamondCut.FacetCutAction.Replace, getters),
                Gateways.cut(address(0), IDiamondCut.FacetCutAction.Remove, added)
            ),
            address(0),
            ""
        );
    }

    function cutData(IDiamondCut.FacetCut[] memory cuts, address init, bytes memory data)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(IDiamondCut.diamondCut, (cuts, init, data));
    }

    // ------------------------------------------------------------ what validators do

    function vote(uint64 id, uint256 number, bool support) internal {
        address from = validator(number);
        vm.prank(from);
        registry.vote(id, support);
    }

    function votes(uint64 id, uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            vote(id, i, true);
        }
    }

    function ready(uint64 id, uint256 number) internal {
        address from = validator(number);
        vm.prank(from);
        registry.signalReady(id, HASH);
    }

    function arm(uint64 id, uint256 number) internal {
        address from = validator(number);
        uint64 height = registry.proposal(id).targetHeight;
        vm.prank(from);
        registry.signalArmed(id, height);
    }

    function readyAndArmed(uint64 id, uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            ready(id, i);
            arm(id, i);
        }
    }

    function confirm(uint64 id, uint256 number) internal {
        address from = validator(number);
        vm.prank(from);
        registry.confirmCrossed(id, EXE, bytes32(0));
    }

    function halt(uint64 id, uint256 number) internal {
        vm.prank(member(number));
        registry.approveEmergencyHalt(id, 2, "stop");
    }

    function replace(uint64 id, uint256 number, bytes32 releaseHash) internal {
        address from = validator(number);
        vm.prank(from);
        registry.replaceRelease(id, releaseHash, URL);
    }

    function rollback(uint64 id, uint256 number) internal {
        address from = validator(number);
        vm.prank(from);
        registry.rollback(id, "it did not start");
    }

    /// @dev Frozen with the verdict Cross by all four, at H + 1.
    function crossing(IUpgradeRegistry.ProposalInput memory input) internal returns (uint64 id) {
        id = propose(input);
        cross(id);
    }

    function cross(uint64 id) internal {
        readyAndArmed(id, 4);
        uint64 height = registry.proposal(id).targetHeight;
        vm.roll(height - FREEZE);
        registry.freeze(id);
        vm.roll(height + 1);
    }

    // ------------------------------------------------------------ what must be seen

    function status(uint64 id) internal view returns (IUpgradeRegistry.Status) {
        return IUpgradeRegistry.Status(registry.proposal(id).status);
    }

    function stands(uint64 id, IUpgradeRegistry.Status expected) internal view {
        same("status", registry.proposal(id).status, uint8(expected));
    }

    function refused(bytes4 selector) internal {
        vm.expectRevert(selector);
    }

    function refused(bytes memory reason) internal {
        vm.expectRevert(reason);
    }
}

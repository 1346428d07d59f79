// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IDiamondCut} from "../IDiamond.sol";
import {IUpgradeRegistry} from "../IUpgradeRegistry.sol";
import {Gateways} from "./Gateways.sol";
import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @dev A target that counts what it is called with.
contract Counting {
    address public immutable owner;
    mapping(bytes32 data => uint256) public calls;
    mapping(bytes4 selector => address) private _facets;

    constructor(address owner_) {
        owner = owner_;
        _facets[IDiamondCut.diamondCut.selector] = address(this);
    }

    function facetAddress(bytes4 selector) external view returns (address) {
        return _facets[selector];
    }

    function diamondCut(IDiamondCut.FacetCut[] calldata cuts, address, bytes calldata) external {
        ++calls[keccak256(msg.data)];
        for (uint256 i = 0; i < cuts.length; ++i) {
            for (uint256 j = 0; j < cuts[i].functionSelectors.length; ++j) {
                _facets[cuts[i].functionSelectors[j]] = cuts[i].facetAddress;
            }
        }
    }
}

/// @dev All who have a say in a registry, doing whatever comes to them; after each act everything is looked at.
contract Actors is World {
    uint256 internal constant VALIDATORS = 5;
    uint256 internal constant MOST = 8;

    struct Seen {
        uint8 status;
        uint8 verdict;
        uint64 height;
        uint256 votingPower;
        uint256 frozenTotal;
        uint256 frozenGo;
        uint256 made;
        uint256 undone;
        bool cancelled;
    }

    Counting public counting;
    mapping(uint64 => Seen) internal _seen;
    mapping(uint64 => bytes32) internal _callOf;
    mapping(uint64 => bytes32) internal _undoOf;
    /// @dev How often each end was reached, so that a run that never gets anywhere is noticed.
    mapping(uint8 => uint256) public ends;

    constructor() {
        build(powers(10, 10, 10, 10), true);
        uint256[] memory five = new uint256[](VALIDATORS);
        (five[0], five[1], five[2], five[3], five[4]) = (5, 4, 3, 2, 1);
        setPowers(five);
        counting = new Counting(address(registry));
        uint64 id = propose(
            alone(), one(address(registry), abi.encodeCall(IUpgradeRegistry.setTarget, (address(counting), true))), none()
        );
        votes(id, 3);
        registry.executeContracts(id);
    }

    modifier looked() {
        _;
        look();
    }

    // ------------------------------------------------------------ acts

    function proposes(uint8 kind, uint8 who, bool first, bool linked) external looked {
        uint64 id = registry.settings().proposalCount + 1;
        if (id > MOST) return;
        IUpgradeRegistry.ProposalInput memory input = kind % 3 == 0
            ? release(VOTE)
            : kind % 3 == 1 ? afterVote(VOTE) : byReadiness(VOTE);
        if (kind % 4 == 3) {
            input.migrationKind = uint8(IUpgradeRegistry.MigrationKind.Wasm);
            input.migrationHash = OTHER;
        }
        if (kind % 5 == 4) input = alone();
        IUpgradeRegistry.LinkedCall[] memory calls = none();
        IUpgradeRegistry.LinkedCall[] memory undo = none();
        bool isAlone = input.releaseKind == uint8(IUpgradeRegistry.ReleaseKind.None);
        if (linked || isAlone) {
            bytes4[] memory selectors = Gateways.list(bytes4(uint32(0xC0DE0000 + id)));
            bytes memory there = cutData(Gateways.one(Gateways.add(second, selectors[0])), address(0), "");
            bytes memory back = cutData(
                Gateways.one(Gateways.cut(address(0), IDiamondCut.FacetCutAction.Remove, selectors)), address(0), ""
            );
            calls = one(address(counting), there);
            if (!isAlone) undo = one(address(counting), back);
            input.contractsFirst = first && !isAlone;
            (_callOf[id], _undoOf[id]) = (keccak256(there), keccak256(back));
        }
        address from = who % 3 == 0 ? validator(who % VALIDATORS) : ADMIN;
        attempt(from, abi.encodeCall(IUpgradeRegistry.propose, (input, calls, undo)));
    }

    function votesAs(uint8 id, uint8 who, bool support) external looked {
        attempt(someone(who), abi.encodeCall(IUpgradeRegistry.vote, (some(id), support)));
    }

    function votesTogether(uint8 id, bool support) external looked {
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.vote, (some(id), support)));
        }
    }

    function signals(uint8 id, uint8 who, uint8 what) external looked {
        uint64 which = some(id);
        IUpgradeRegistry.ProposalView memory shown = registry.proposal(which);
        address from = someone(who);
        if (what % 4 == 0) attempt(from, abi.encodeCall(IUpgradeRegistry.signalReady, (which, shown.releaseHash)));
        if (what % 4 == 1) attempt(from, abi.encodeCall(IUpgradeRegistry.signalArmed, (which, shown.targetHeight)));
        if (what % 4 == 2) attempt(from, abi.encodeCall(IUpgradeRegistry.withdrawReady, (which)));
        if (what % 4 == 3) attempt(from, abi.encodeCall(IUpgradeRegistry.reportFailure, (which, what)));
    }

    function prepares(uint8 id, uint8 without) external looked {
        uint64 which = some(id);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            if (i == without % (2 * VALIDATORS)) continue;
            IUpgradeRegistry.ProposalView memory shown = registry.proposal(which);
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.signalReady, (which, shown.releaseHash)));
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.signalArmed, (which, shown.targetHeight)));
        }
    }

    function keeps(uint8 id, uint8 what) external looked {
        uint64 which = some(id);
        if (what % 8 == 0) attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.finalize, (which)));
        if (what % 8 == 1) attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.checkAndSchedule, (which)));
        if (what % 8 == 2) attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.expire, (which)));
        if (what % 8 == 3 || what % 8 == 4) attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.freeze, (which)));
        if (what % 8 == 5) attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.undoContracts, (which)));
        if (what % 8 == 6) attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.executeContracts, (which)));
        if (what % 8 == 7) attempt(ADMIN, abi.encodeCall(IUpgradeRegistry.cancel, (which)));
    }

    /// @dev All that leads one proposal over its height; chance alone hardly gets there.
    function crosses(uint8 id, bool calls) external looked {
        uint64 which = some(id);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.vote, (which, true)));
        }
        IUpgradeRegistry.ProposalView memory shown = registry.proposal(which);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.signalReady, (which, shown.releaseHash)));
        }
        attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.checkAndSchedule, (which)));
        shown = registry.proposal(which);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.signalArmed, (which, shown.targetHeight)));
        }
        if (calls) attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.executeContracts, (which)));
        look();
        if (shown.targetHeight < block.number + FREEZE) return;
        vm.roll(shown.targetHeight - FREEZE);
        attempt(STRANGER, abi.encodeCall(IUpgradeRegistry.freeze, (which)));
        look();
        vm.roll(shown.targetHeight + 1);
    }

    function confirms(uint8 id, uint8 least) external looked {
        for (uint256 i = least % VALIDATORS; i < VALIDATORS; ++i) {
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.confirmCrossed, (some(id), EXE, HASH)));
        }
    }

    function rollsBack(uint8 id, uint8 least) external looked {
        for (uint256 i = least % VALIDATORS; i < VALIDATORS; ++i) {
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.rollback, (some(id), "")));
        }
    }

    function replaces(uint8 id, uint8 least, bytes32 hash) external looked {
        for (uint256 i = least % VALIDATORS; i < VALIDATORS; ++i) {
            attempt(validator(i), abi.encodeCall(IUpgradeRegistry.replaceRelease, (some(id), hash, URL)));
        }
    }

    /// @dev What the council does changes nothing but that proposals end, Cancelled.
    function halts(uint8 id, uint8 who) external {
        uint64 count = registry.settings().proposalCount;
        bytes32[] memory before = new bytes32[](count + 1);
        uint8[] memory was = new uint8[](count + 1);
        bytes32 others = keccak256(abi.encode(registry.settings()));
        for (uint64 i = 1; i <= count; ++i) {
            (before[i], was[i]) = (withoutHalt(i), registry.proposal(i).status);
        }
        attempt(member(who % 6), abi.encodeCall(IUpgradeRegistry.approveEmergencyHalt, (some(id), 1, "")));
        uint256 changed;
        for (uint64 i = 1; i <= count; ++i) {
            uint8 now_ = registry.proposal(i).status;
            if (now_ != was[i]) {
                ++changed;
                holds("the council only cancels", now_ == uint8(IUpgradeRegistry.Status.Cancelled));
                holds("what was open", was[i] == 1 || was[i] == 2 || was[i] == 4);
                same("what was meant", i, some(id));
            } else {
                same("the council changes nothing else", withoutHalt(i), before[i]);
            }
        }
        if (changed == 0) same("no setting", keccak256(abi.encode(registry.settings())), others);
        look();
    }

    /// @dev Powers move, leave and join: the sum stays or does not.
    function moves(uint8 a, uint8 b, uint8 c, uint8 d, uint8 e) external looked {
        uint256[] memory all = new uint256[](VALIDATORS);
        (all[0], all[1], all[2], all[3], all[4]) = (1 + a % 8, b % 8, c % 8, d % 8, e % 8);
        setPowers(all);
    }

    function waits(uint8 blocks) external looked {
        vm.roll(block.number + 1 + blocks % 24);
    }

    /// @dev To a height where something changes, if it is ahead.
    function jumps(uint8 where) external looked {
        uint64 id = registry.scheduledId();
        if (id == 0) return;
        uint256 height = registry.proposal(id).targetHeight;
        uint256[8] memory to =
            [height - FREEZE - 1, height - FREEZE, height - 3, height - 2, height - 1, height, height + 1, height + WINDOW];
        if (to[where % 8] > block.number) vm.roll(to[where % 8]);
    }

    // ------------------------------------------------------------ what must hold after each act

    function look() internal {
        uint64 count = registry.settings().proposalCount;
        uint256 scheduled;
        for (uint64 id = 1; id <= count; ++id) {
            IUpgradeRegistry.ProposalView memory shown = registry.proposal(id);
            // At H-2 without a freeze a view looks beyond what a transaction of this block may still do.
            bool provisional = shown.frozenAt == 0 && shown.scheduledAt != 0 && block.number + 2 == shown.targetHeight;
            if (provisional) continue;
            if (shown.status == uint8(IUpgradeRegistry.Status.Scheduled)) {
                ++scheduled;
                same("the scheduled one", registry.scheduledId(), id);
            }
            ofVotes(id, shown);
            ofPower(shown);
            ofTime(id, shown);
            ofCalls(id, shown);
        }
        holds("never two scheduled", scheduled <= 1);
    }

    function ofVotes(uint64 id, IUpgradeRegistry.ProposalView memory shown) internal {
        Seen storage seen = _seen[id];
        if (seen.votingPower == 0) seen.votingPower = shown.votingPower;
        same("the copy of powers stays", shown.votingPower, seen.votingPower);
        holds("yes and no are within the total", shown.yesPower + shown.noPower <= shown.votingPower);
        (IUpgradeRegistry.VoteView[] memory rows,) = registry.votes(id, 0, 256);
        uint256 yes;
        uint256 no;
        uint256 total;
        for (uint256 i = 0; i < rows.length; ++i) {
            if (rows[i].choice == uint8(IUpgradeRegistry.Choice.Yes)) yes += rows[i].power;
            if (rows[i].choice == uint8(IUpgradeRegistry.Choice.No)) no += rows[i].power;
            total += rows[i].power;
        }
        same("yes, each voter once", yes, shown.yesPower);
        same("no, each voter once", no, shown.noPower);
        same("the copy", total, shown.votingPower);
        bool wasm = shown.migrationKind == uint8(IUpgradeRegistry.MigrationKind.Wasm);
        bool passed = wasm ? 4 * yes >= 3 * total : 3 * yes > 2 * total;
        same("approved exactly when passed", shown.approvedAt != 0 ? 1 : 0, passed ? 1 : 0);
    }

    function ofPower(IUpgradeRegistry.ProposalView memory shown) internal pure {
        holds("ready", shown.readyPower <= shown.totalPower);
        holds("armed", shown.armedPower <= shown.totalPower);
        holds("go", shown.goPower <= shown.readyPower && shown.goPower <= shown.armedPower);
        holds("confirmed", shown.confirmedPower <= shown.totalPower || shown.frozenAt == 0);
        holds("rolled back", shown.rollbackPower <= shown.totalPower || shown.frozenAt == 0);
        holds("halts", shown.haltApprovals <= 5);
        if (shown.verdict == uint8(IUpgradeRegistry.Verdict.Cross)) {
            holds("more than 2/3 go", 3 * shown.goPower > 2 * shown.totalPower);
            holds("calls came first", !shown.contractsFirst || shown.contractsAt != 0);
        }
        if (shown.status == uint8(IUpgradeRegistry.Status.Executed) && shown.releaseKind != 2) {
            holds("more than 2/3 crossed", 3 * shown.confirmedPower > 2 * shown.totalPower);
            same("crossed", shown.verdict, uint8(IUpgradeRegistry.Verdict.Cross));
        }
        if (shown.status == uint8(IUpgradeRegistry.Status.RolledBack)) {
            holds("more than 2/3 went back", 3 * shown.rollbackPower > 2 * shown.totalPower);
        }
    }

    function ofTime(uint64 id, IUpgradeRegistry.ProposalView memory shown) internal {
        Seen storage seen = _seen[id];
        if (seen.height != 0) same("H stays", shown.targetHeight, seen.height);
        if (seen.verdict != 0) same("the verdict stays", shown.verdict, seen.verdict);
        bool ended = seen.status > 4 || seen.status == uint8(IUpgradeRegistry.Status.Rejected);
        if (ended) same("an end stays", shown.status, seen.status);
        if (!ended && (shown.status > 4 || shown.status == 3)) ++ends[shown.status];
        if (seen.frozenTotal != 0) {
            same("frozen total", shown.totalPower, seen.frozenTotal);
            same("frozen go", shown.goPower, seen.frozenGo);
        }
        (seen.height, seen.verdict, seen.status) = (shown.targetHeight, shown.verdict, shown.status);
        if (shown.frozenAt != 0) (seen.frozenTotal, seen.frozenGo) = (shown.totalPower, shown.goPower);
    }

    function ofCalls(uint64 id, IUpgradeRegistry.ProposalView memory shown) internal {
        if (_callOf[id] == 0 || shown.linkedCalls == 0) return;
        Seen storage seen = _seen[id];
        uint256 made = counting.calls(_callOf[id]);
        uint256 undone = counting.calls(_undoOf[id]);
        holds("made at most once", made <= 1);
        holds("undone at most once, and only what was made", undone <= made);
        same("made", shown.contractsAt != 0 ? 1 : 0, made);
        same("undone", shown.undoneAt != 0 ? 1 : 0, undone);
        if (seen.cancelled) same("a cancelled one is never executed", made, seen.made);
        if (made > seen.made) {
            holds("made for what was approved", shown.approvedAt != 0);
            ++ends[100];
        }
        if (undone > seen.undone) ++ends[101];
        (seen.made, seen.undone) = (made, undone);
        seen.cancelled = shown.status == uint8(IUpgradeRegistry.Status.Cancelled);
    }

    // ------------------------------------------------------------ with what

    function attempt(address from, bytes memory data) internal returns (bool done) {
        vm.prank(from);
        (done,) = address(registry).call(data);
    }

    /// @dev One of the latest three; most of what can happen can happen to them.
    function some(uint8 id) internal view returns (uint64) {
        uint64 count = registry.settings().proposalCount;
        return count - uint64(id) % (count < 3 ? count : 3);
    }

    function someone(uint8 who) internal returns (address) {
        return who % 7 == 6 ? STRANGER : validator(who % 6);
    }

    function withoutHalt(uint64 id) internal view returns (bytes32) {
        IUpgradeRegistry.ProposalView memory shown = registry.proposal(id);
        shown.haltApprovals = 0;
        return keccak256(abi.encode(shown));
    }
}

/// forge-config: default.invariant.runs = 24
/// forge-config: default.invariant.depth = 120
contract RegistryInvariants {
    Actors internal actors;

    function setUp() public {
        actors = new Actors();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    /// @dev The actors look after each act (Actors.look), and one that finds a rule broken reverts, which fails this.
    function invariant_nothingThatMustHoldIsBroken() public view {
        require(address(actors).code.length != 0);
    }
}

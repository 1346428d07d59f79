// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IPowerSource} from "../IPowerSource.sol";
import {IUpgradeRegistry} from "../IUpgradeRegistry.sol";
import {RegistryErrors} from "../RegistryErrors.sol";
import {RegistryExtension} from "../RegistryExtension.sol";
import {UpgradeRegistry} from "../UpgradeRegistry.sol";
import {Deployed} from "./Deployed.sol";
import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @dev Deployment, power, proposing.
contract RegistryProposingTest is World {
    function setUp() public {
        build(powers(10, 10, 10, 10), false);
    }

    function deploys(IUpgradeRegistry.Config memory made, bytes memory reason) internal {
        bytes memory creation_ = creation(made);
        refused(reason);
        Deployed.create(creation_);
    }

    function test_deployment() public {
        IUpgradeRegistry.Config memory made = config(true);
        bytes memory half = Deployed.code("UpgradeRegistry", abi.encode(made, STRANGER));
        refused(abi.encodeWithSelector(RegistryErrors.NotAnExtension.selector, STRANGER));
        Deployed.create(half);

        made.freezeBlocks = 4;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidFreeze.selector, 5, 10_000, 4));
        made.freezeBlocks = 10_001;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidFreeze.selector, 5, 10_000, 10_001));
        made = config(true);
        made.executionWindow = 0;
        deploys(made, abi.encodeWithSelector(RegistryErrors.ZeroExecutionWindow.selector));
        made = config(true);
        made.minExpeditedBlocks = 0;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidVotingBlocks.selector, VOTE, 0));
        made.minExpeditedBlocks = VOTE + 1;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidVotingBlocks.selector, VOTE, VOTE + 1));
        made = config(true);
        made.powerSource = STRANGER;
        deploys(made, abi.encodeWithSelector(RegistryErrors.NotAPowerSource.selector, STRANGER));
        made = config(true);
        setPowers(powers(0, 0, 0, 0));
        deploys(made, abi.encodeWithSelector(RegistryErrors.NoPower.selector));
    }

    function test_deploymentOfACouncil() public {
        IUpgradeRegistry.Config memory made = config(true);
        made.councilThreshold = 2;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidCouncil.selector, 5, 2));
        made.councilThreshold = 6;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidCouncil.selector, 5, 6));
        made.council = new address[](17);
        made.councilThreshold = 9;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidCouncil.selector, 17, 9));
        made.council = new address[](0);
        made.councilThreshold = 1;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidCouncil.selector, 0, 1));
        made.council = council();
        made.councilThreshold = 5;
        made.council[4] = made.council[1];
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidCouncilMember.selector, made.council[1]));
        made.council[4] = address(0);
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidCouncilMember.selector, address(0)));
        made.council = new address[](0);
        made.councilThreshold = 0;
        deploy(made);
    }

    function test_deploymentWithTargets() public {
        IUpgradeRegistry.Config memory made = config(true);
        made.targets[0] = STRANGER;
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidTarget.selector, STRANGER));
        made.targets = new address[](2);
        (made.targets[0], made.targets[1]) = (gateway, gateway);
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidTarget.selector, gateway));
        made.targets = new address[](17);
        for (uint256 i = 0; i < 17; ++i) {
            made.targets[i] = Deployed.make("RegistryExtension");
        }
        deploys(made, abi.encodeWithSelector(RegistryErrors.InvalidTarget.selector, made.targets[16]));
    }

    function test_aSetThatIsNoSet() public {
        uint256[] memory many = new uint256[](257);
        for (uint256 i = 0; i < 257; ++i) {
            many[i] = 1;
        }
        setPowers(many);
        refused(abi.encodeWithSelector(RegistryErrors.TooManyValidators.selector, 256, 257));
        registry.minimumLead();

        IPowerSource.Member[] memory members = membersOf(powers(1, 2, 3, 4));
        members[2].validator = address(0);
        source.set(members);
        refused(abi.encodeWithSelector(RegistryErrors.ZeroValidator.selector, 2));
        registry.minimumLead();

        members[2].validator = members[1].validator;
        source.set(members);
        refused(abi.encodeWithSelector(RegistryErrors.DuplicateValidator.selector, members[1].validator));
        registry.minimumLead();

        uint256 most = type(uint224).max;
        setPowers(powers(most, most, most, most));
        same("lead", registry.minimumLead(), 5 + 3 * 4 + 3);
        setPowers(powers(1, most + 1, 1, 1));
        refused(abi.encodeWithSelector(RegistryErrors.PowerTooLarge.selector, validator(1), most + 1));
        registry.minimumLead();

        setPowers(powers(0, 0, 0, 0));
        IUpgradeRegistry.ProposalInput memory input = release(0);
        refused(RegistryErrors.NoPower.selector);
        propose(input);
    }

    function refuses(IUpgradeRegistry.ProposalInput memory input, bytes memory reason) internal {
        IUpgradeRegistry.LinkedCall[] memory calls = none();
        vm.prank(ADMIN);
        refused(reason);
        registry.propose(input, calls, calls);
    }

    function notAllowed(bytes32 field) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(RegistryErrors.FieldNotAllowed.selector, field);
    }

    function invalid(bytes32 field, uint256 given) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(RegistryErrors.InvalidField.selector, field, given);
    }

    function test_whoMayPropose() public {
        IUpgradeRegistry.ProposalInput memory input = release(0);
        vm.prank(STRANGER);
        refused(abi.encodeWithSelector(RegistryErrors.NotAProposer.selector, STRANGER));
        registry.propose(input, none(), none());

        address from = validator(2);
        vm.prank(from);
        same("id", registry.propose(input, none(), none()), 1);
        stands(1, IUpgradeRegistry.Status.Scheduled);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.OpenProposal.selector, 1));
        registry.propose(input, none(), none());
        refuses(input, abi.encodeWithSelector(RegistryErrors.AlreadyScheduled.selector, 1));
    }

    function test_theLeastPowerOfAProposer() public {
        IUpgradeRegistry.Config memory made = config(false);
        made.minProposerPower = 11;
        made.admin = address(0);
        registry = deploy(made);
        setPowers(powers(10, 11, 0, 0));
        IUpgradeRegistry.ProposalInput memory input = release(0);
        for (uint256 i = 0; i < 3; ++i) {
            address from = validator(i);
            vm.prank(from);
            if (i != 1) refused(abi.encodeWithSelector(RegistryErrors.NotAProposer.selector, from));
            registry.propose(input, none(), none());
        }
        // Without an admin the zero address is none.
        vm.prank(address(0));
        refused(abi.encodeWithSelector(RegistryErrors.NotAProposer.selector, address(0)));
        registry.propose(input, none(), none());
    }

    function test_names() public {
        string[6] memory wrong = ["", "V1", ".v1", "-", "a b", unicode"vé"];
        for (uint256 i = 0; i < wrong.length; ++i) {
            IUpgradeRegistry.ProposalInput memory input = release(0);
            input.name = wrong[i];
            refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidName.selector, wrong[i]));
        }
        IUpgradeRegistry.ProposalInput memory long = release(0);
        long.name = string(new bytes(65));
        refuses(long, abi.encodeWithSelector(RegistryErrors.InvalidName.selector, long.name));
        long.name = "0a-b_c.9z";
        propose(long);
    }

    function test_releases() public {
        IUpgradeRegistry.ProposalInput memory input = release(0);
        input.releaseKind = 3;
        refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidReleaseKind.selector, 3));
        input = release(0);
        input.releaseHash = 0;
        refuses(input, abi.encodeWithSelector(RegistryErrors.ZeroReleaseHash.selector));
        input = release(0);
        input.releaseUrl = "";
        refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidUrlLength.selector, 512, 0));
        input.releaseUrl = string(new bytes(513));
        refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidUrlLength.selector, 512, 513));
        input.releaseUrl = "a b";
        refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidUrlCharacter.selector, 1, bytes1(" ")));
        input.releaseUrl = unicode"aé";
        refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidUrlCharacter.selector, 1, bytes1(0xc3)));
        input = release(0);
        input.migrationKind = 4;
        refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidMigrationKind.selector, 4));
        input.migrationKind = 1;
        refuses(input, invalid("migrationHash", 0));
        input.migrationKind = 0;
        input.migrationHash = OTHER;
        refuses(input, notAllowed("migrationHash"));
        input = release(0);
        input.contractsFirst = true;
        refuses(input, notAllowed("contractsFirst"));
        input = release(0);
        input.initAllowed = true;
        refuses(input, notAllowed("initAllowed"));
        input = release(0);
        input.executionWindow = 100_000_001;
        refuses(input, invalid("executionWindow", 100_000_001));
        input = release(0);
        input.graceBlocks = 100_000_001;
        refuses(input, invalid("graceBlocks", 100_000_001));
    }

    function test_callsAloneHaveNothingOfARelease() public {
        IUpgradeRegistry.ProposalInput memory input = alone();
        refuses(input, invalid("calls", 0));
        (bytes memory there,) = upgrade();
        bytes32[6] memory fields =
            [bytes32("releaseHash"), "releaseUrl", "breaking", "migrationKind", "graceBlocks", "contractsFirst"];
        for (uint256 i = 0; i < fields.length; ++i) {
            input = alone();
            if (i == 0) input.releaseHash = HASH;
            if (i == 1) input.releaseUrl = URL;
            if (i == 2) input.breaking = true;
            if (i == 3) input.migrationKind = 1;
            if (i == 4) input.graceBlocks = 1;
            if (i == 5) input.contractsFirst = true;
            refused(notAllowed(fields[i]));
            propose(input, one(gateway, there), none());
        }
        input = alone();
        input.scheduleKind = 1;
        refused(notAllowed("scheduleKind"));
        propose(input, one(gateway, there), none());
        input = alone();
        input.targetHeight = 1000;
        refused(notAllowed("targetHeight"));
        propose(input, one(gateway, there), none());
        propose(alone(), one(gateway, there), none());
    }

    function test_schedules() public {
        uint256 lead = registry.minimumLead();
        IUpgradeRegistry.ProposalInput memory input = release(0);
        input.votingBlocks = 1;
        refuses(input, notAllowed("votingBlocks"));
        input = release(0);
        input.expedited = true;
        refuses(input, notAllowed("expedited"));
        input = release(0);
        input.scheduleKind = 3;
        refuses(input, abi.encodeWithSelector(RegistryErrors.InvalidScheduleKind.selector, 3));
        input = release(0);
        --input.targetHeight;
        refuses(input, abi.encodeWithSelector(RegistryErrors.LeadTooShort.selector, lead, lead - 1));
        input.targetHeight = 99;
        refuses(input, abi.encodeWithSelector(RegistryErrors.LeadTooShort.selector, lead, 0));
        input.targetHeight = 100_000_101;
        refuses(input, invalid("targetHeight", 100_000_001));
        input = release(0);
        input.delay = 1;
        refuses(input, notAllowed("delay"));
        input = release(0);
        input.readinessBps = 1;
        refuses(input, notAllowed("readinessBps"));
        input = release(0);
        input.readinessDeadline = 1;
        refuses(input, notAllowed("readinessDeadline"));

        input = afterVote(0);
        input.targetHeight = 1000;
        refuses(input, notAllowed("targetHeight"));
        input = afterVote(0);
        --input.delay;
        refuses(input, abi.encodeWithSelector(RegistryErrors.LeadTooShort.selector, lead, lead - 1));
        input.delay = 100_000_001;
        refuses(input, invalid("delay", 100_000_001));

        input = byReadiness(0);
        input.readinessBps = 0;
        refuses(input, invalid("readinessBps", 0));
        input.readinessBps = 10_001;
        refuses(input, invalid("readinessBps", 10_001));
        input = byReadiness(0);
        input.readinessDeadline = 100;
        refuses(input, invalid("readinessDeadline", 100));
        input.readinessDeadline = 100_000_101;
        refuses(input, invalid("readinessDeadline", 100_000_001));
    }

    function test_votesHaveTheirLength() public {
        build(powers(10, 10, 10, 10), true);
        refuses(release(VOTE - 1), abi.encodeWithSelector(RegistryErrors.VoteTooShort.selector, VOTE, VOTE - 1));
        IUpgradeRegistry.ProposalInput memory input = release(EXPEDITED - 1);
        input.expedited = true;
        refuses(input, abi.encodeWithSelector(RegistryErrors.VoteTooShort.selector, EXPEDITED, EXPEDITED - 1));
        input = afterVote(100_000_001);
        refuses(input, invalid("votingBlocks", 100_000_001));
        input = release(EXPEDITED);
        input.expedited = true;
        propose(input);
        holds("expedited", registry.proposal(1).expedited);
        same("the last block of the vote", registry.proposal(1).votingEndsAt, 100 + EXPEDITED);
    }

    function test_sixteenAreOpenAtOnce() public {
        build(powers(10, 10, 10, 10), true);
        for (uint256 i = 0; i < 16; ++i) {
            propose(afterVote(VOTE));
        }
        IUpgradeRegistry.ProposalInput memory input = afterVote(VOTE);
        refuses(input, abi.encodeWithSelector(RegistryErrors.TooManyOpen.selector, 16));
        vm.prank(ADMIN);
        registry.cancel(7);
        same("id", propose(input), 17);
        (IUpgradeRegistry.ProposalView[] memory page, uint256 total) = registry.proposals(2, 3);
        same("total", total, 17);
        same("page", page.length, 3);
        same("newest first", page[0].id, 15);
        (page,) = registry.proposals(17, 3);
        same("beyond", page.length, 0);
        (page,) = registry.proposals(0, 1000);
        same("all", page.length, 17);
    }

    function test_cancel() public {
        uint64 id = propose(release(0));
        refused(abi.encodeWithSelector(RegistryErrors.NotTheProposer.selector, address(this), ADMIN));
        registry.cancel(id);
        refused(abi.encodeWithSelector(RegistryErrors.UnknownProposal.selector, 2));
        registry.cancel(2);
        refused(abi.encodeWithSelector(RegistryErrors.UnknownProposal.selector, 0));
        registry.cancel(0);
        uint64 height = registry.proposal(id).targetHeight;
        vm.roll(height - FREEZE);
        vm.prank(ADMIN);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, height - FREEZE - 1, height - FREEZE));
        registry.cancel(id);
        vm.roll(height - FREEZE - 1);
        vm.prank(ADMIN);
        registry.cancel(id);
        stands(id, IUpgradeRegistry.Status.Cancelled);
        same("armed nodes are told", registry.proposal(id).verdict, uint8(IUpgradeRegistry.Verdict.Abort));
        vm.prank(ADMIN);
        refused(
            abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Cancelled)
        );
        registry.cancel(id);
        // Its height keeps the place until it is over.
        refuses(release(0), abi.encodeWithSelector(RegistryErrors.AlreadyScheduled.selector, id));
        vm.roll(height + 1);
        propose(release(0));
    }

    function test_cancelBeforeAnyVote() public {
        build(powers(10, 10, 10, 10), true);
        uint64 first = propose(release(VOTE));
        vote(first, 1, false);
        vm.prank(ADMIN);
        refused(abi.encodeWithSelector(RegistryErrors.VoteBegun.selector, first));
        registry.cancel(first);
        uint64 later = propose(release(VOTE));
        vm.prank(ADMIN);
        registry.cancel(later);
        stands(later, IUpgradeRegistry.Status.Cancelled);
        uint64 third = propose(release(VOTE));
        vm.roll(block.number + VOTE + 1);
        vm.prank(ADMIN);
        refused(
            abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, third, IUpgradeRegistry.Status.Rejected)
        );
        registry.cancel(third);
    }

    function test_theSecondHalfAloneDoesNothing() public {
        RegistryExtension bare = RegistryExtension(UpgradeRegistry(payable(address(registry))).extension());
        refused(abi.encodeWithSelector(RegistryErrors.UnknownProposal.selector, 1));
        bare.executeContracts(1);
        IUpgradeRegistry.ProposalInput memory input = release(0);
        vm.expectRevert();
        bare.propose(input, none(), none());
        refused(abi.encodeWithSelector(RegistryErrors.NotSelf.selector, address(this)));
        bare.setSuccessor(address(1));
    }
}

/// @dev Votes, heights, ends.
contract RegistryVotingTest is World {
    function setUp() public {
        build(powers(10, 10, 10, 10), true);
    }

    function test_aVoteDecidesAtOnceAndSchedules() public {
        uint64 id = propose(release(VOTE));
        votes(id, 2);
        stands(id, IUpgradeRegistry.Status.Voting);
        vote(id, 2, true);
        stands(id, IUpgradeRegistry.Status.Scheduled);
        same("scheduled", registry.scheduledId(), id);
        address from = validator(3);
        vm.prank(from);
        refused(
            abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Scheduled)
        );
        registry.vote(id, true);
    }

    function test_aVoteMayBeChanged() public {
        uint64 id = propose(release(VOTE));
        vote(id, 0, true);
        address from = validator(0);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.VoteUnchanged.selector, id, from));
        registry.vote(id, true);
        vote(id, 0, false);
        same("yes", registry.proposal(id).yesPower, 0);
        same("no", registry.proposal(id).noPower, 10);
        vote(id, 0, true);
        same("yes", registry.proposal(id).yesPower, 10);
        same("no", registry.proposal(id).noPower, 0);
        vm.prank(STRANGER);
        refused(abi.encodeWithSelector(RegistryErrors.NotAValidator.selector, STRANGER));
        registry.vote(id, true);
        (IUpgradeRegistry.VoteView[] memory rows, uint256 total) = registry.votes(id, 0, 9);
        same("rows", total, 4);
        same("choice", rows[0].choice, uint8(IUpgradeRegistry.Choice.Yes));
        same("power of the copy", registry.proposal(id).votingPower, 40);
    }

    function test_aVoteIsLost() public {
        uint64 id = propose(release(VOTE));
        vote(id, 0, false);
        stands(id, IUpgradeRegistry.Status.Voting);
        vote(id, 1, false);
        stands(id, IUpgradeRegistry.Status.Rejected);
    }

    function test_aVoteRunsOut() public {
        uint64 id = propose(release(VOTE));
        votes(id, 2);
        vm.roll(100 + VOTE);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, id, 101 + VOTE, 100 + VOTE));
        registry.finalize(id);
        vm.roll(101 + VOTE);
        stands(id, IUpgradeRegistry.Status.Rejected);
        address from = validator(2);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.TooLate.selector, id, 100 + VOTE, 101 + VOTE));
        registry.vote(id, true);
        registry.finalize(id);
        same("ended", registry.proposal(id).endedAt, 101 + VOTE);
        refused(abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Rejected));
        registry.finalize(id);
        refused(abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Rejected));
        registry.expire(id);
    }

    function test_theLastBlockOfAVoteStillLeavesTheLead() public {
        uint64 id = propose(release(VOTE));
        vm.roll(100 + VOTE);
        votes(id, 3);
        stands(id, IUpgradeRegistry.Status.Scheduled);
    }

    function test_aMigrationByModuleNeedsThreeQuarters() public {
        IUpgradeRegistry.ProposalInput memory input = release(VOTE);
        input.migrationKind = uint8(IUpgradeRegistry.MigrationKind.Wasm);
        input.migrationHash = OTHER;
        setPowers(powers(3, 4, 2, 3));
        uint64 id = propose(input);
        votes(id, 2);
        stands(id, IUpgradeRegistry.Status.Voting);
        vote(id, 2, true);
        stands(id, IUpgradeRegistry.Status.Scheduled);
        id = propose(input);
        vote(id, 3, false);
        stands(id, IUpgradeRegistry.Status.Voting);
        vote(id, 2, false);
        stands(id, IUpgradeRegistry.Status.Rejected);
    }

    function test_oneAtATimeAndTheOthersWait() public {
        uint64 first = propose(afterVote(VOTE));
        uint64 later = propose(afterVote(VOTE));
        uint64 fixed_ = propose(release(VOTE));
        votes(first, 3);
        votes(later, 3);
        votes(fixed_, 3);
        stands(first, IUpgradeRegistry.Status.Scheduled);
        stands(later, IUpgradeRegistry.Status.Approved);
        stands(fixed_, IUpgradeRegistry.Status.Approved);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyScheduled.selector, first));
        registry.checkAndSchedule(later);
        halt(first, 0);
        halt(first, 1);
        halt(first, 2);
        uint64 height = registry.proposal(first).targetHeight;
        vm.roll(height);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyScheduled.selector, first));
        registry.checkAndSchedule(later);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, later, 100 + WINDOW + 1, height));
        registry.expire(later);
        refused(
            abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, first, IUpgradeRegistry.Status.Cancelled)
        );
        registry.expire(first);
        vm.roll(100 + WINDOW + 1);
        stands(later, IUpgradeRegistry.Status.Expired);
        refused(abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, later, IUpgradeRegistry.Status.Expired));
        registry.checkAndSchedule(later);
        registry.expire(later);
        same("ended", registry.proposal(later).endedAt, 100 + WINDOW + 1);
        registry.checkAndSchedule(fixed_);
        stands(fixed_, IUpgradeRegistry.Status.Scheduled);
    }

    function test_aFixedHeightThatIsTooNearNow() public {
        uint64 id = propose(release(VOTE));
        uint64 blocker = propose(release(VOTE));
        votes(blocker, 3);
        votes(id, 3);
        stands(id, IUpgradeRegistry.Status.Approved);
        uint256[] memory more = new uint256[](8);
        for (uint256 i = 0; i < 8; ++i) {
            more[i] = 10;
        }
        halt(blocker, 0);
        halt(blocker, 1);
        halt(blocker, 2);
        setPowers(more);
        // The registry is that of another subnet by then: its set has grown, and with it the lead.
        uint64 height = registry.proposal(id).targetHeight;
        vm.roll(height - 20);
        refused(abi.encodeWithSelector(RegistryErrors.AlreadyScheduled.selector, blocker));
        registry.checkAndSchedule(id);
    }

    function test_aHeightByReadiness() public {
        uint64 id = propose(byReadiness(VOTE));
        votes(id, 3);
        stands(id, IUpgradeRegistry.Status.Approved);
        ready(id, 0);
        ready(id, 1);
        refused(abi.encodeWithSelector(RegistryErrors.NotEnoughReady.selector, id, 20, 40, 7500));
        registry.checkAndSchedule(id);
        ready(id, 2);
        setPowers(powers(10, 10, 9, 11));
        refused(abi.encodeWithSelector(RegistryErrors.NotEnoughReady.selector, id, 29, 40, 7500));
        registry.checkAndSchedule(id);
        setPowers(powers(10, 10, 10, 10));
        vm.roll(registry.proposal(id).readinessDeadline);
        registry.checkAndSchedule(id);
        same("height", registry.proposal(id).targetHeight, block.number + registry.minimumLead());
        refused(
            abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Scheduled)
        );
        registry.checkAndSchedule(id);
    }

    function test_readinessComesTooLate() public {
        uint64 id = propose(byReadiness(VOTE));
        votes(id, 3);
        for (uint256 i = 0; i < 4; ++i) {
            ready(id, i);
        }
        vm.roll(registry.proposal(id).readinessDeadline + 1);
        refused(abi.encodeWithSelector(RegistryErrors.WrongStatus.selector, id, IUpgradeRegistry.Status.Expired));
        registry.checkAndSchedule(id);
        registry.expire(id);
        stands(id, IUpgradeRegistry.Status.Expired);
    }

    function test_aGrownSetLengthensTheDelay() public {
        uint64 id = propose(byReadiness(VOTE));
        votes(id, 3);
        for (uint256 i = 0; i < 4; ++i) {
            ready(id, i);
        }
        uint256[] memory more = new uint256[](5);
        (more[0], more[1], more[2], more[3], more[4]) = (10, 10, 10, 10, 1);
        setPowers(more);
        registry.checkAndSchedule(id);
        same("height", registry.proposal(id).targetHeight, 100 + 5 + 3 * 5 + 3);
    }

    function test_callsAloneGetNoHeight() public {
        (bytes memory there,) = upgrade();
        uint64 id = propose(alone(), one(gateway, there), none());
        votes(id, 3);
        stands(id, IUpgradeRegistry.Status.Approved);
        refused(abi.encodeWithSelector(RegistryErrors.NoRelease.selector, id));
        registry.checkAndSchedule(id);
        address from = validator(1);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.NoRelease.selector, id));
        registry.signalReady(id, HASH);
        vm.prank(from);
        refused(abi.encodeWithSelector(RegistryErrors.NoRelease.selector, id));
        registry.replaceRelease(id, OTHER, URL);
    }

    function test_stakeThatMovesDoesNotVoteTwice() public {
        uint64 id = propose(release(VOTE));
        vote(id, 0, true);
        // All power goes over to another address, as often as it likes: the copy decides.
        setPowers(powers(0, 40, 0, 0));
        vote(id, 1, true);
        setPowers(powers(0, 0, 0, 40));
        same("yes", registry.proposal(id).yesPower, 20);
        same("of", registry.proposal(id).votingPower, 40);
        stands(id, IUpgradeRegistry.Status.Voting);
    }

    function test_expireWithoutAFreeze() public {
        uint64 id = propose(release(VOTE));
        votes(id, 3);
        uint64 height = registry.proposal(id).targetHeight;
        vm.roll(height - 2);
        // A call looks at the state after this block; a transaction of this block may still freeze.
        stands(id, IUpgradeRegistry.Status.Aborted);
        refused(abi.encodeWithSelector(RegistryErrors.TooEarly.selector, id, height - 1, height - 2));
        registry.expire(id);
        vm.roll(height - 1);
        registry.expire(id);
        stands(id, IUpgradeRegistry.Status.Aborted);
        same("verdict", registry.proposal(id).verdict, uint8(IUpgradeRegistry.Verdict.Abort));
    }

    function sign(uint256 signer, bytes32 structHash) internal returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("UpgradeRegistry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }

    function signedVote(uint64 id, bool support, uint256 number, uint256 nonce, uint256 deadline)
        internal
        returns (bytes memory)
    {
        bytes32 kind = keccak256("Vote(uint64 id,bool support,address validator,uint256 nonce,uint256 deadline)");
        return sign(key(number), keccak256(abi.encode(kind, id, support, validator(number), nonce, deadline)));
    }

    function test_aVoteBySignature() public {
        uint64 id = propose(release(VOTE));
        address from = validator(1);
        bytes memory signature = signedVote(id, true, 1, 0, 110);
        refused(abi.encodeWithSelector(RegistryErrors.InvalidSignature.selector, from));
        registry.voteBySig(id, false, from, 110, signature);
        refused(abi.encodeWithSelector(RegistryErrors.InvalidSignature.selector, from));
        registry.voteBySig(id, true, from, 110, hex"1234");
        registry.voteBySig(id, true, from, 110, signature);
        same("yes", registry.proposal(id).yesPower, 10);
        same("nonce", registry.nonces(from), 1);
        vote(id, 1, false);
        // The same message again would undo a change of mind.
        refused(abi.encodeWithSelector(RegistryErrors.InvalidSignature.selector, from));
        registry.voteBySig(id, true, from, 110, signature);
        vm.roll(111);
        refused(abi.encodeWithSelector(RegistryErrors.SignatureExpired.selector, 110, 111));
        registry.voteBySig(id, true, from, 110, signature);
    }

    function test_aSignatureIsForOneRegistryAndOneProposal() public {
        uint64 id = propose(release(VOTE));
        uint64 other = propose(release(VOTE));
        address from = validator(1);
        bytes memory signature = signedVote(id, true, 1, 0, 110);
        refused(abi.encodeWithSelector(RegistryErrors.InvalidSignature.selector, from));
        registry.voteBySig(other, true, from, 110, signature);
        registry = deploy(config(true));
        uint64 there = propose(release(VOTE));
        same("the same id", there, id);
        refused(abi.encodeWithSelector(RegistryErrors.InvalidSignature.selector, from));
        registry.voteBySig(id, true, from, 110, signature);
    }

    function test_readinessBySignature() public {
        uint64 id = propose(release(VOTE));
        votes(id, 3);
        address operator = vm.addr(77);
        address from = validator(0);
        vm.prank(from);
        registry.setOperator(operator);
        bytes32 kind = keccak256("Ready(uint64 id,bytes32 releaseHash,address signer,uint256 nonce,uint256 deadline)");
        bytes memory signature = sign(77, keccak256(abi.encode(kind, id, HASH, operator, 0, 120)));
        registry.signalReadyBySig(id, HASH, operator, 120, signature);
        same("ready", registry.proposal(id).readyPower, 10);
    }

    /// @dev Whatever the powers: exactly more than 2/3 passes, and what cannot pass any more is rejected at once.
    function testFuzz_twoThirdsAreExact(uint256 a, uint256 b, uint256 c, uint256 d, uint8 who) public {
        uint256 most = type(uint224).max;
        uint256[] memory all = powers(between(a, 0, most), between(b, 0, most), between(c, 0, most), between(d, 0, most));
        decided(all, who, false);
    }

    /// @dev The same with small and huge totals at their boundaries, and 3/4 for a module.
    function testFuzz_boundaries(uint8 which, uint256 yes, uint8 who, bool wasm) public {
        uint256[5] memory totals = [uint256(3), 4, 7, 12, 2 ** 128];
        uint256 total = totals[which % 5];
        uint256 about = wasm ? total * 3 / 4 : total * 2 / 3;
        yes = between(yes, about == 0 ? 0 : about - 1, about + 1);
        decided(powers(yes, total - yes, 0, 0), who | 1, wasm);
    }

    function decided(uint256[] memory all, uint8 who, bool wasm) internal {
        uint256 total = all[0] + all[1] + all[2] + all[3];
        vm.assume(total > 0);
        setPowers(all);
        IUpgradeRegistry.ProposalInput memory input = release(VOTE);
        if (wasm) {
            input.migrationKind = uint8(IUpgradeRegistry.MigrationKind.Wasm);
            input.migrationHash = OTHER;
        }
        uint64 id = propose(input);
        uint256 yes;
        uint256 no;
        for (uint256 i = 0; i < 4; ++i) {
            if (all[i] == 0) continue;
            bool support = who & (1 << i) != 0;
            vote(id, i, support);
            if (support) yes += all[i];
            else no += all[i];
            same("yes", registry.proposal(id).yesPower, yes);
            same("no", registry.proposal(id).noPower, no);
            // The least that passes, by division and not by multiplication.
            uint256 least = wasm ? total - total / 4 : total - (total - 1) / 3;
            if (!wasm && total % 3 == 0) least = total / 3 * 2 + 1;
            bool passes = yes >= least;
            bool lost = total - no < least;
            IUpgradeRegistry.Status found = status(id);
            holds("passes exactly then", passes == (found == IUpgradeRegistry.Status.Scheduled));
            holds("is lost exactly then", lost == (found == IUpgradeRegistry.Status.Rejected));
            if (passes || lost) return;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayMembershipFacet} from "../GatewayMembershipFacet.sol";
import {GatewayPowerSource} from "../GatewayPowerSource.sol";
import {IGatewayMembership} from "../IGatewayMembership.sol";
import {IPowerSource} from "../IPowerSource.sol";
import {ISubnetActor} from "../ISubnetActor.sol";
import {StaticPowerSource} from "../StaticPowerSource.sol";
import {SubnetActorPowerSource} from "../SubnetActorPowerSource.sol";
import {Deployed} from "./Deployed.sol";
import {Gateways} from "./Gateways.sol";
import {SubnetActor, SubnetActorBefore, SubnetActorNow, SubnetActorOfBytes} from "./SubnetActors.sol";
import {Checks, vm} from "./Vm.sol";

contract PowerSourcesTest is Checks {
    SubnetActor internal actorNow = new SubnetActorNow();
    SubnetActor internal actorBefore = new SubnetActorBefore();
    SubnetActorOfBytes internal anything = new SubnetActorOfBytes();

    function subnet(ISubnetActor actor) internal returns (SubnetActorPowerSource) {
        return SubnetActorPowerSource(Deployed.make("SubnetActorPowerSource", abi.encode(actor)));
    }

    function refuses(string memory name, address given, bytes4 reason) internal {
        bytes memory creation = Deployed.code(name, abi.encode(given));
        vm.expectRevert(abi.encodeWithSelector(reason, given));
        Deployed.create(creation);
    }

    function powersOf(IPowerSource source, address[] memory active, uint256[] memory powers, uint64 number)
        internal
        view
    {
        (IPowerSource.Member[] memory members, uint64 shown) = source.membership();
        same("number of the set", shown, number);
        same("members", members.length, active.length);
        for (uint256 i = 0; i < members.length; ++i) {
            same("validator", members[i].validator, active[i]);
            same("power", members[i].power, powers[i]);
        }
    }

    function some(uint256 seed, uint256 count) internal pure returns (address[] memory active, uint256[] memory powers) {
        (active, powers) = (new address[](count), new uint256[](count));
        for (uint256 i = 0; i < count; ++i) {
            active[i] = address(uint160(uint256(keccak256(abi.encode(seed, i)))));
            powers[i] = uint256(keccak256(abi.encode(i, seed))) >> (seed % 256);
        }
    }

    function testFuzz_bothGenerationsSayTheSame(uint256 seed, uint8 count, uint64 start) public {
        start = uint64(between(start, 0, type(uint64).max - 3));
        (address[] memory active, uint256[] memory powers) = some(seed, count % 20);
        actorNow.set(active, powers, start);
        actorBefore.set(active, powers, start);
        uint64 number = start == 0 ? 0 : start - 1;
        powersOf(subnet(ISubnetActor(address(actorNow))), active, powers, number);
        powersOf(subnet(ISubnetActor(address(actorBefore))), active, powers, number);
    }

    function test_anActorMayBeUpgraded() public {
        (address[] memory active, uint256[] memory powers) = some(1, 5);
        actorBefore.set(active, powers, 8);
        SubnetActorPowerSource source = subnet(ISubnetActor(address(actorBefore)));
        powersOf(source, active, powers, 7);
        vm.etch(address(actorBefore), address(actorNow).code);
        powersOf(source, active, powers, 7);
    }

    function test_256ValidatorsAndNoMore() public {
        SubnetActorPowerSource source = subnet(ISubnetActor(address(actorNow)));
        (address[] memory active, uint256[] memory powers) = some(1, 256);
        actorNow.set(active, powers, 1);
        powersOf(source, active, powers, 0);
        (active, powers) = some(1, 257);
        actorNow.set(active, powers, 1);
        vm.expectRevert(abi.encodeWithSelector(SubnetActorPowerSource.TooManyValidators.selector, 256, 257));
        source.membership();
    }

    /// @dev Whatever the actor answers: a set that is small enough, or a refusal, for little gas.
    function testFuzz_noAnswerIsABomb(bytes memory active, bytes memory power, bytes memory numbers, uint16 more)
        public
    {
        anything.answer(ISubnetActor.getActiveValidators.selector, abi.encode(new address[](1)));
        SubnetActorPowerSource source = subnet(ISubnetActor(address(anything)));
        anything.answer(ISubnetActor.getActiveValidators.selector, bytes.concat(active, new bytes(more)));
        anything.answer(ISubnetActor.getCurrentPower.selector, power);
        anything.answer(ISubnetActor.getConfigurationNumbers.selector, numbers);
        try source.membership{gas: 250_000_000}() returns (IPowerSource.Member[] memory members, uint64) {
            holds("at most 256", members.length <= 256);
        } catch {}
    }

    function test_refusesWhatIsNoSubnetActor() public {
        bytes4 reason = SubnetActorPowerSource.NotASubnetActor.selector;
        refuses("SubnetActorPowerSource", address(0x5f), reason);
        refuses("SubnetActorPowerSource", address(anything), reason);
    }

    function test_refusesAnActorThatDoesNotSayPowers() public {
        bytes4 list = ISubnetActor.getActiveValidators.selector;
        address[] memory active = new address[](2);
        (active[0], active[1]) = (address(1), address(2));
        anything.answer(list, abi.encode(active));
        SubnetActorPowerSource source = subnet(ISubnetActor(address(anything)));
        vm.expectRevert(abi.encodeWithSelector(SubnetActorPowerSource.NoPower.selector, address(1)));
        source.membership();
        anything.answer(ISubnetActor.getCurrentPower.selector, abi.encode(uint256(5)));
        vm.expectRevert(abi.encodeWithSelector(SubnetActorPowerSource.NotASubnetActor.selector, address(anything)));
        source.membership();
        anything.answer(ISubnetActor.getConfigurationNumbers.selector, abi.encode(uint64(2), uint64(1)));
        (IPowerSource.Member[] memory members,) = source.membership();
        same("power", members[1].power, 5);
        anything.answer(ISubnetActor.getCurrentPower.selector, new bytes(64));
        vm.expectRevert(abi.encodeWithSelector(SubnetActorPowerSource.NoPower.selector, address(1)));
        source.membership();
    }

    function testFuzz_aStaticSetIsWhatItWasGiven(uint256 seed, uint8 count) public {
        (address[] memory active, uint256[] memory powers) = some(seed, count % 20);
        IPowerSource.Member[] memory members = new IPowerSource.Member[](active.length);
        for (uint256 i = 0; i < active.length; ++i) {
            members[i] = IPowerSource.Member({validator: active[i], power: powers[i]});
        }
        powersOf(StaticPowerSource(Deployed.make("StaticPowerSource", abi.encode(members))), active, powers, 0);
    }

    function testFuzz_theGatewaysSetOfTheMoment(uint256 seed, uint8 count) public {
        address gateway = Gateways.deploy(address(1), address(this), new IGatewayMembership.Validator[](0));
        GatewayPowerSource source = GatewayPowerSource(Deployed.make("GatewayPowerSource", abi.encode(gateway)));
        (address[] memory active, uint256[] memory powers) = some(seed, 0);
        powersOf(source, active, powers, 0);
        (active, powers) = some(seed, count % 20);
        IGatewayMembership.Validator[] memory next = new IGatewayMembership.Validator[](active.length);
        for (uint256 i = 0; i < active.length; ++i) {
            next[i] = IGatewayMembership.Validator({weight: powers[i], addr: active[i], metadata: hex"04"});
        }
        GatewayMembershipFacet(gateway).setMembership(next);
        powersOf(source, active, powers, 1);
    }

    function test_aGatewayHasCode() public {
        refuses("GatewayPowerSource", address(5), GatewayPowerSource.NotAGateway.selector);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {GatewayGetterFacetV2} from "../GatewayGetterFacetV2.sol";
import {GatewayMembershipFacet} from "../GatewayMembershipFacet.sol";
import {IDiamondCut, IDiamondLoupe, IDiamondOwnership} from "../IDiamond.sol";
import {IGatewayMembership} from "../IGatewayMembership.sol";
import "../LibDiamond.sol" as Refusals;
import {Deployed} from "./Deployed.sol";
import {Gateways} from "./Gateways.sol";
import {Checks, vm} from "./Vm.sol";

address constant OWNER = address(0xA11CE);
address constant PARENT = address(0xBEEF);
bytes4 constant VERSION = GatewayGetterFacetV2.getNetworkVersion.selector;

/// @dev An initialiser: it writes where the diamond keeps its set, says something, or fails without a word.
contract Initialiser is GatewayGetterFacetV2 {
    error Because(uint256 code);

    function number(uint64 given) external {
        _configurationNumber = given;
    }

    function refuse(uint256 code) external pure {
        if (code != 0) revert Because(code);
        revert();
    }
}

contract DiamondTest is Checks {
    address internal diamond;
    address internal second;

    function setUp() public {
        IGatewayMembership.Validator[] memory validators = new IGatewayMembership.Validator[](1);
        validators[0] = IGatewayMembership.Validator({weight: 7, addr: address(0x77), metadata: hex"04"});
        diamond = Gateways.deploy(OWNER, PARENT, validators);
        second = Deployed.make("GatewayGetterFacetV2");
    }

    function cut(IDiamondCut.FacetCut memory change) internal {
        vm.prank(OWNER);
        IDiamondCut(diamond).diamondCut(Gateways.one(change), address(0), "");
    }

    function refused(IDiamondCut.FacetCut memory change, bytes memory reason) internal {
        bytes32 before = keccak256(abi.encode(IDiamondLoupe(diamond).facets()));
        vm.expectRevert(reason);
        cut(change);
        same("the loupe", keccak256(abi.encode(IDiamondLoupe(diamond).facets())), before);
    }

    function test_upgradesInOneCut() public {
        bytes4[] memory getters = Gateways.list(
            IGatewayMembership.getCurrentMembership.selector, IGatewayMembership.getCurrentConfigurationNumber.selector
        );
        vm.prank(OWNER);
        IDiamondCut(diamond).diamondCut(
            Gateways.two(
                Gateways.cut(second, IDiamondCut.FacetCutAction.Replace, getters), Gateways.add(second, VERSION)
            ),
            address(0),
            ""
        );
        same("version", GatewayGetterFacetV2(diamond).getNetworkVersion(), 2);
        same("weight", IGatewayMembership(diamond).getCurrentMembership().validators[0].weight, 7);
        same("number", IGatewayMembership(diamond).getCurrentConfigurationNumber(), 0);
        same("facets", IDiamondLoupe(diamond).facetAddresses().length, 5);
        same("functions", IDiamondLoupe(diamond).facetFunctionSelectors(second).length, 3);
    }

    function test_removes() public {
        bytes4[] memory gone = Gateways.list(GatewayMembershipFacet.parent.selector);
        cut(Gateways.cut(address(0), IDiamondCut.FacetCutAction.Remove, gone));
        vm.expectRevert(abi.encodeWithSelector(Refusals.FunctionNotFound.selector, gone[0]));
        GatewayMembershipFacet(diamond).parent();
        same("facet", IDiamondLoupe(diamond).facetAddress(gone[0]), address(0));
    }

    function test_refusesEther() public {
        (bool done, bytes memory reason) = diamond.call{value: 1}("");
        holds("refused", !done);
        same(
            "reason",
            keccak256(reason),
            keccak256(abi.encodeWithSelector(Refusals.FunctionNotFound.selector, bytes4(0)))
        );
    }

    function test_refusesWrongCuts() public {
        bytes4[] memory none = new bytes4[](0);
        bytes4[] memory known = Gateways.list(GatewayMembershipFacet.parent.selector);
        bytes4[] memory unknown = Gateways.list(VERSION);
        address facet = IDiamondLoupe(diamond).facetAddress(known[0]);
        refused(
            Gateways.cut(second, IDiamondCut.FacetCutAction.Add, none),
            abi.encodeWithSelector(Refusals.NoSelectorsProvidedForFacetForCut.selector, second)
        );
        refused(
            Gateways.cut(address(0), IDiamondCut.FacetCutAction.Add, unknown),
            abi.encodeWithSelector(Refusals.CannotAddSelectorsToZeroAddress.selector, unknown)
        );
        refused(
            Gateways.cut(OWNER, IDiamondCut.FacetCutAction.Add, unknown),
            abi.encodeWithSelector(
                Refusals.NoBytecodeAtAddress.selector, OWNER, "diamondCut: Add facet has no code"
            )
        );
        refused(
            Gateways.cut(second, IDiamondCut.FacetCutAction.Add, known),
            abi.encodeWithSelector(Refusals.CannotAddFunctionToDiamondThatAlreadyExists.selector, known[0])
        );
        refused(
            Gateways.cut(address(0), IDiamondCut.FacetCutAction.Replace, known),
            abi.encodeWithSelector(Refusals.CannotReplaceFunctionsFromFacetWithZeroAddress.selector, known)
        );
        refused(
            Gateways.cut(OWNER, IDiamondCut.FacetCutAction.Replace, known),
            abi.encodeWithSelector(
                Refusals.NoBytecodeAtAddress.selector, OWNER, "LibDiamondCut: Replace facet has no code"
            )
        );
        refused(
            Gateways.cut(second, IDiamondCut.FacetCutAction.Replace, unknown),
            abi.encodeWithSelector(Refusals.CannotReplaceFunctionThatDoesNotExists.selector, VERSION)
        );
        refused(
            Gateways.cut(facet, IDiamondCut.FacetCutAction.Replace, known),
            abi.encodeWithSelector(
                Refusals.CannotReplaceFunctionWithTheSameFunctionFromTheSameFacet.selector, known[0]
            )
        );
        refused(
            Gateways.cut(facet, IDiamondCut.FacetCutAction.Remove, known),
            abi.encodeWithSelector(Refusals.RemoveFacetAddressMustBeZeroAddress.selector, facet)
        );
        refused(
            Gateways.cut(address(0), IDiamondCut.FacetCutAction.Remove, unknown),
            abi.encodeWithSelector(Refusals.CannotRemoveFunctionThatDoesNotExist.selector, VERSION)
        );
    }

    function test_initialises() public {
        IDiamondCut.FacetCut[] memory none = new IDiamondCut.FacetCut[](0);
        address init = address(new Initialiser());
        vm.prank(OWNER);
        IDiamondCut(diamond).diamondCut(none, init, abi.encodeCall(Initialiser.number, (9)));
        same("number", IGatewayMembership(diamond).getCurrentConfigurationNumber(), 9);

        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Initialiser.Because.selector, 4));
        IDiamondCut(diamond).diamondCut(none, init, abi.encodeCall(Initialiser.refuse, (4)));

        bytes memory silent = abi.encodeCall(Initialiser.refuse, (0));
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Refusals.InitializationFunctionReverted.selector, init, silent));
        IDiamondCut(diamond).diamondCut(none, init, silent);

        vm.prank(OWNER);
        vm.expectRevert(
            abi.encodeWithSelector(
                Refusals.NoBytecodeAtAddress.selector, OWNER, "diamondCut: _init address has no code"
            )
        );
        IDiamondCut(diamond).diamondCut(none, OWNER, "");
    }

    function test_zeroNeverOwnsIt() public {
        vm.prank(OWNER);
        vm.expectRevert(Refusals.InvalidAddress.selector);
        IDiamondOwnership(diamond).transferOwnership(address(0));
        same("owner", IDiamondOwnership(diamond).owner(), OWNER);
    }

    function testFuzz_onlyTheOwnerCutsAndHandsOver(address caller, address next) public {
        vm.assume(caller != OWNER);
        vm.prank(caller);
        vm.expectRevert(Refusals.NotOwner.selector);
        IDiamondCut(diamond).diamondCut(new IDiamondCut.FacetCut[](0), address(0), "");
        vm.prank(caller);
        vm.expectRevert(Refusals.NotOwner.selector);
        IDiamondOwnership(diamond).transferOwnership(next);

        if (next == address(0)) vm.expectRevert(Refusals.InvalidAddress.selector);
        vm.prank(OWNER);
        IDiamondOwnership(diamond).transferOwnership(next);
        same("owner", IDiamondOwnership(diamond).owner(), next == address(0) ? OWNER : next);
    }

    function testFuzz_onlyTheParentChangesTheSet(address caller, uint8 count) public {
        IGatewayMembership.Validator[] memory next = new IGatewayMembership.Validator[](count % 9);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = IGatewayMembership.Validator({weight: i, addr: address(uint160(i)), metadata: ""});
        }
        if (caller != PARENT) {
            vm.expectRevert(abi.encodeWithSelector(GatewayMembershipFacet.NotParent.selector, caller));
            vm.prank(caller);
            GatewayMembershipFacet(diamond).setMembership(next);
        }
        vm.prank(PARENT);
        GatewayMembershipFacet(diamond).setMembership(next);
        IGatewayMembership.Membership memory shown = IGatewayMembership(diamond).getCurrentMembership();
        same("set", keccak256(abi.encode(shown.validators)), keccak256(abi.encode(next)));
        same("number", shown.configurationNumber, 1);
        same("parent", GatewayMembershipFacet(diamond).parent(), PARENT);
    }

    function testFuzz_aFunctionThatNoFacetHasIsRefused(bytes4 selector, bytes calldata rest) public {
        vm.assume(IDiamondLoupe(diamond).facetAddress(selector) == address(0));
        (bool done, bytes memory reason) = diamond.call(bytes.concat(selector, rest));
        holds("refused", !done);
        same(
            "reason",
            keccak256(reason),
            keccak256(abi.encodeWithSelector(Refusals.FunctionNotFound.selector, selector))
        );
    }
}

/// @dev Cuts a diamond at random and remembers what it must look like.
contract Cutter {
    uint256 public constant FUNCTIONS = 12;
    uint256 public constant FACETS = 4;

    address public immutable diamond;
    address[FACETS] public facets;
    /// @dev The facet that must answer function i; zero for none.
    address[FUNCTIONS] public expected;
    uint256 public done;

    constructor() {
        diamond = Gateways.deploy(address(this), PARENT, new IGatewayMembership.Validator[](0));
        for (uint256 i = 0; i < FACETS; ++i) {
            facets[i] = Deployed.make("GatewayGetterFacetV2");
        }
    }

    function selector(uint256 index) public pure returns (bytes4) {
        return bytes4(uint32(0xC0DE0000 + index));
    }

    /// @dev Two changes of up to three functions each; the second may contradict the first, and then neither is made.
    function cut(uint8 first, uint8 action, uint8 count, uint8 facet, uint8 second, uint8 other, uint8 last) external {
        address[FUNCTIONS] memory next = expected;
        IDiamondCut.FacetCut[] memory cuts = new IDiamondCut.FacetCut[](2);
        bool possible;
        bool possible2;
        (cuts[0], possible) = _change(next, first, action, count, facet);
        (cuts[1], possible2) = _change(next, second, other, last, facet / 4);
        try IDiamondCut(diamond).diamondCut(cuts, address(0), "") {
            require(possible && possible2, "a cut went through that contradicts itself");
            expected = next;
            ++done;
        } catch {
            require(!possible || !possible2, "a sound cut was refused");
        }
    }

    function _change(address[FUNCTIONS] memory next, uint256 first, uint256 action, uint256 count, uint256 facet)
        private
        view
        returns (IDiamondCut.FacetCut memory change, bool possible)
    {
        change.action = IDiamondCut.FacetCutAction(action % 3);
        bool remove = change.action == IDiamondCut.FacetCutAction.Remove;
        change.facetAddress = remove ? address(0) : facets[facet % FACETS];
        change.functionSelectors = new bytes4[](1 + count % 3);
        possible = true;
        for (uint256 i = 0; i < change.functionSelectors.length; ++i) {
            uint256 index = (first + i) % FUNCTIONS;
            change.functionSelectors[i] = selector(index);
            bool known = next[index] != address(0);
            if (change.action == IDiamondCut.FacetCutAction.Add ? known : !known) possible = false;
            if (!remove && known && next[index] == change.facetAddress) possible = false;
            next[index] = change.facetAddress;
        }
    }
}

contract DiamondInvariants is Checks {
    Cutter internal cutter;

    function setUp() public {
        cutter = new Cutter();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(cutter);
    }

    /// @dev The four functions of the loupe agree with each other and with what was cut.
    function invariant_theLoupeSaysWhatWasCut() public view {
        IDiamondLoupe loupe = IDiamondLoupe(cutter.diamond());
        uint256 cutIn;
        for (uint256 i = 0; i < cutter.FUNCTIONS(); ++i) {
            same("facet", loupe.facetAddress(cutter.selector(i)), cutter.expected(i));
            if (cutter.expected(i) != address(0)) ++cutIn;
        }
        IDiamondLoupe.Facet[] memory shown = loupe.facets();
        same("addresses", shown.length, loupe.facetAddresses().length);
        uint256 functions;
        for (uint256 i = 0; i < shown.length; ++i) {
            same("address", loupe.facetAddresses()[i], shown[i].facetAddress);
            holds("no facet is there twice", i == 0 || !_before(shown, i));
            bytes4[] memory own = loupe.facetFunctionSelectors(shown[i].facetAddress);
            same("functions", keccak256(abi.encode(own)), keccak256(abi.encode(shown[i].functionSelectors)));
            holds("no facet without a function", own.length > 0);
            for (uint256 j = 0; j < own.length; ++j) {
                same("its facet", loupe.facetAddress(own[j]), shown[i].facetAddress);
            }
            functions += own.length;
        }
        // 11 functions of the gateway itself.
        same("number of functions", functions, 11 + cutIn);
    }

    function _before(IDiamondLoupe.Facet[] memory shown, uint256 index) private pure returns (bool) {
        for (uint256 i = 0; i < index; ++i) {
            if (shown[i].facetAddress == shown[index].facetAddress) return true;
        }
        return false;
    }
}

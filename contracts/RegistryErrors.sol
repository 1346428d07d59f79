// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";

/// @title Why the UpgradeRegistry refuses
/// @notice Every refusal is one of these; the console says each in a sentence (console/chain/refusals.py).
abstract contract RegistryErrors {
    // ------------------------------------------------------------ deployment and settings

    /// @notice The second half of the registry has no code.
    error NotAnExtension(address given);
    /// @notice The power source has no code.
    error NotAPowerSource(address given);
    /// @notice The freeze is shorter than the least allowed, or longer than the most.
    error InvalidFreeze(uint64 least, uint64 most, uint64 given);
    /// @notice Without a window no crossing could ever be confirmed.
    error ZeroExecutionWindow();
    /// @notice The usual least of a vote is at least the least of an expedited one, and that at least one block.
    error InvalidVotingBlocks(uint64 usual, uint64 expedited);
    /// @notice A council has at most 16 members, and its threshold is more than half of them and at most all.
    error InvalidCouncil(uint256 members, uint8 threshold);
    /// @notice A member of a council is the zero address or named twice.
    error InvalidCouncilMember(address member);
    /// @notice A target has code and is not the registry; it is allowed once, and at most 16 are.
    error InvalidTarget(address target);
    /// @notice A successor is another contract with code, or the zero address for none.
    error InvalidSuccessor(address given);
    /// @notice Only the registry itself does this, when it makes a call that was voted for.
    error NotSelf(address caller);

    // ------------------------------------------------------------ power

    /// @notice The power source names more validators than are read.
    error TooManyValidators(uint256 limit, uint256 given);
    /// @notice The power source names the zero address as a validator.
    error ZeroValidator(uint256 index);
    /// @notice The power source names a validator twice.
    error DuplicateValidator(address validator);
    /// @notice The power source gives a validator a power beyond all sense.
    error PowerTooLarge(address validator, uint256 power);
    /// @notice The validators of the power source have no power at all.
    error NoPower();

    // ------------------------------------------------------------ proposing

    /// @notice Only a current validator of enough power or the admin proposes; an operator key does not.
    error NotAProposer(address caller);
    /// @notice A name is 1 to 64 of a-z, 0-9, dot, underscore and hyphen, and starts with a letter or digit.
    error InvalidName(string name);
    /// @notice There is no such release kind.
    error InvalidReleaseKind(uint8 given);
    /// @notice There is no such kind of schedule.
    error InvalidScheduleKind(uint8 given);
    /// @notice There is no such kind of migration.
    error InvalidMigrationKind(uint8 given);
    /// @notice The release hash is zero.
    error ZeroReleaseHash();
    /// @notice A URL has 1 to 512 bytes.
    error InvalidUrlLength(uint256 limit, uint256 given);
    /// @notice A URL holds printable ASCII only, and no blank.
    error InvalidUrlCharacter(uint256 position, bytes1 given);
    /// @notice The field, named in ASCII, has to be empty in a proposal of this kind.
    error FieldNotAllowed(bytes32 field);
    /// @notice The field, named in ASCII, has to be given in a proposal of this kind, and within its limits.
    error InvalidField(bytes32 field, uint256 given);
    /// @notice The target height, or the delay to it, is nearer than is needed. With a vote the vote has to fit too.
    error LeadTooShort(uint256 required, uint256 given);
    /// @notice The vote is open for too few blocks.
    error VoteTooShort(uint256 required, uint256 given);
    /// @notice Another proposal is scheduled, or was stopped and its height is not yet over.
    error AlreadyScheduled(uint64 id);
    /// @notice The proposer has an open proposal already.
    error OpenProposal(uint64 id);
    /// @notice Too many proposals are open.
    error TooManyOpen(uint256 limit);
    /// @notice There is no proposal of this id.
    error UnknownProposal(uint64 id);
    /// @notice Only its proposer cancels a proposal.
    error NotTheProposer(address caller, address proposer);
    /// @notice Validators have voted, so the proposer cannot take it back any more.
    error VoteBegun(uint64 id);

    // ------------------------------------------------------------ life

    /// @notice This is not possible where the proposal stands.
    error WrongStatus(uint64 id, IUpgradeRegistry.Status status);
    /// @notice `firstBlock` is the first block in which this is allowed.
    error TooEarly(uint64 id, uint256 firstBlock, uint256 blockNumber);
    /// @notice `lastBlock` was the last block in which this was allowed.
    error TooLate(uint64 id, uint256 lastBlock, uint256 blockNumber);
    /// @notice The validator voted so already.
    error VoteUnchanged(uint64 id, address validator);
    /// @notice A proposal of contract calls alone has no release, no height and nobody that stops for it.
    error NoRelease(uint64 id);
    /// @notice The power that is ready does not reach the proposal's share, or is not more than 2/3.
    error NotEnoughReady(uint64 id, uint256 readyPower, uint256 totalPower, uint16 readinessBps);

    // ------------------------------------------------------------ signals

    /// @notice The operator key is itself a validator of the current set.
    error OperatorIsValidator(address operator);
    /// @notice The operator key serves another validator.
    error OperatorTaken(address operator, address validator);
    /// @notice This is the operator key already.
    error OperatorUnchanged(address operator);
    /// @notice The caller is neither a validator of the set in question nor the operator key of one.
    error NotAValidator(address caller);
    /// @notice The signal is for other bytes than the proposal's.
    error WrongReleaseHash(bytes32 expected, bytes32 given);
    /// @notice The signal is for another height than the proposal's.
    error WrongHeight(uint64 expected, uint64 given);
    /// @notice The validator is ready already; to report a failure, withdraw first.
    error AlreadyReady(uint64 id, address validator);
    /// @notice The validator is not ready.
    error NotReady(uint64 id, address validator);
    /// @notice The validator is armed already.
    error AlreadyArmed(uint64 id, address validator);
    /// @notice Failure codes start at 1.
    error ZeroFailureCode();
    /// @notice The validator reported this failure already.
    error FailureUnchanged(uint64 id, address validator, uint16 code);
    /// @notice A version is 1 to 32 printable ASCII characters without blanks, then zeros.
    error InvalidVersion(bytes32 version);
    /// @notice The message was not signed by this key, not as it is, or with another nonce.
    error InvalidSignature(address signer);
    /// @notice The signed message counted up to this block.
    error SignatureExpired(uint256 lastBlock, uint256 blockNumber);

    // ------------------------------------------------------------ crossing

    /// @notice The verdict of this proposal stands.
    error AlreadyFrozen(uint64 id, uint64 frozenAt);
    /// @notice The proposal was not frozen with the verdict Cross, so there is no crossing.
    error NotCrossing(uint64 id, IUpgradeRegistry.Verdict verdict);
    /// @notice The hash of the running executable is zero.
    error ZeroExeHash();
    /// @notice The validator confirmed already.
    error AlreadyConfirmed(uint64 id, address validator);

    // ------------------------------------------------------------ linked calls

    /// @notice A list holds at most ten calls.
    error TooManyCalls(uint256 limit, uint256 given);
    /// @notice The calls and their undo are too large together.
    error CallsTooLarge(uint256 limit, uint256 given);
    /// @notice Calls that come before the upgrade need an undo.
    error UndoMissing();
    /// @notice The target is none of the diamonds that calls may go to.
    error TargetNotAllowed(address target);
    /// @notice A proposal of this kind may not call this function, or not together with others.
    error SelectorNotAllowed(address target, bytes4 selector);
    /// @notice The arguments of the call are not those of its function, or its cut is none that a diamond takes.
    error InvalidCut(address target);
    /// @notice The cut has an initialiser, and the proposal does not ask for that.
    error InitNotAllowed(address target, address init);
    /// @notice A facet or an initialiser has no code.
    error FacetWithoutCode(address facet);
    /// @notice The proposal has no such calls.
    error NoLinkedCalls(uint64 id);
    /// @notice The calls were made at this height.
    error ContractsDone(uint64 id, uint64 doneAt);
    /// @notice The calls were not made, so there is nothing to undo.
    error ContractsNotDone(uint64 id);
    /// @notice The code of a facet or an initialiser is not what was proposed.
    error CodeChanged(address target, bytes32 expected, bytes32 given);
    /// @notice The target refused, for this reason.
    error CallFailed(address target, bytes reason);
    /// @notice The registry would not own the target after the call.
    error OwnershipLost(address target);
    /// @notice The target could not be cut again after the call.
    error CutLost(address target);
    /// @notice The target does not route this selector as the cut says.
    error CutNotApplied(address target, bytes4 selector);

    // ------------------------------------------------------------ approvals

    /// @notice The caller is no member of the council.
    error NotInCouncil(address caller);
    /// @notice Halt codes start at 1.
    error ZeroHaltCode();
    /// @notice The council cannot stop what the validators decide about the registry itself.
    error NotHaltable(uint64 id);
    /// @notice The caller approved this already.
    error AlreadyApproved(uint64 id, address approver);
    /// @notice The replacement is what the proposal says already.
    error ReleaseUnchanged(uint64 id);
    /// @notice A text has at most 256 bytes.
    error TextTooLong(uint256 limit, uint256 given);
    /// @notice A text holds no control characters.
    error InvalidTextCharacter(uint256 position, bytes1 given);
    /// @notice There is no such kind of approval.
    error InvalidApprovalKind(uint8 given);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IPowerSource} from "./IPowerSource.sol";

/// @title UpgradeRegistry: which release a subnet runs from which height on, and who is prepared for it
/// @notice One contract per subnet; its clock is the height of the subnet. A proposal is Scheduled for a target height H:
///         every node stops before it executes H. F blocks before H (`freezeBlocks`) the plan freezes; from H-F to H-2
///         anyone may freeze it, which stores the verdict for good. Cross: the nodes go on with the new release. Abort:
///         they go on with the old one. A plan that nobody froze by H-2 is aborted as well.
///
///         Power is counted on the membership of the moment until the freeze and on the frozen membership after it.
///         More than 2/3 always means 3 * power > 2 * total, in integers.
///
///         On transactions and calls: a transaction of block N sees block.number = N, and so does a call that is
///         answered from the state after block N. At block.number = H-2 without a freeze the two differ: a transaction
///         may still freeze, but a call looks at a block that is over, and no later block can freeze any more.
///         Views therefore say Abort from H-2 on, and are not meant to be read by other contracts in that block.
contract UpgradeRegistry {
    /// @notice What the release hash is the SHA-256 of: the binary itself, or a manifest that names each artefact's hash.
    enum ReleaseKind {
        Raw,
        Manifest
    }

    /// @notice Where a proposal stands.
    enum Status {
        None,
        Voting,
        Approved,
        Rejected,
        Scheduled,
        Executed,
        Aborted,
        Expired,
        Cancelled
    }

    /// @notice What the network does at the target height.
    enum Verdict {
        None,
        Cross,
        Abort
    }

    /// @notice A proposal as views show it. Blocks are heights; powers are in the unit of the power source.
    struct ProposalView {
        uint64 id;
        string name;
        uint8 releaseKind;
        bytes32 releaseHash;
        string releaseUrl;
        uint64 targetHeight;
        bool breaking;
        address proposer;
        uint64 proposedAt;
        uint64 scheduledAt;
        uint8 status;
        uint8 verdict;
        uint64 frozenAt;
        uint64 freezeBlocks;
        uint256 readyPower;
        uint256 armedPower;
        uint256 goPower;
        uint256 confirmedPower;
        uint256 totalPower;
    }

    /// @notice One validator's part in a proposal. 0 means "not said" in every field but `power`.
    struct ReadinessView {
        address validator;
        uint256 power;
        address operator;
        uint64 readyAt;
        uint64 readyTime;
        uint64 armedAt;
        uint16 failureCode;
        uint64 failedAt;
        uint64 confirmedAt;
        bytes32 exeHash;
        bytes32 appHash;
    }

    struct Proposal {
        string name;
        string releaseUrl;
        bytes32 releaseHash;
        uint64 targetHeight;
        uint64 proposedAt;
        uint64 scheduledAt;
        uint64 frozenAt;
        address proposer;
        uint64 executedAt;
        ReleaseKind releaseKind;
        bool breaking;
        Verdict verdict;
        uint256 readyPower;
        uint256 armedPower;
        uint256 goPower;
        uint256 confirmedPower;
        uint256 totalPower;
    }

    struct Signal {
        uint64 readyAt;
        uint64 readyTime;
        uint64 armedAt;
        uint64 failedAt;
        uint64 confirmedAt;
        uint16 failureCode;
        bytes32 exeHash;
        bytes32 appHash;
    }

    /// @notice The largest validator set that is read: the gateway's own limit.
    uint256 public constant MAX_VALIDATORS = 256;
    /// @notice The most rows that one view returns.
    uint256 public constant MAX_PAGE = 256;
    /// @notice The shortest freeze, in blocks.
    uint64 public constant MIN_FREEZE_BLOCKS = 5;
    /// @notice The longest release URL, in bytes.
    uint256 public constant MAX_URL_LENGTH = 512;
    /// @notice The longest proposal name, in bytes.
    uint256 public constant MAX_NAME_LENGTH = 64;

    /// @dev The most turns in which a whole set arms. A turn holds one validator, or several that hold at most 1/10 of
    ///      the power together, filled greedily in an order that everyone knows. So the first validator of a turn did
    ///      not fit into the turn before it, and two neighbouring turns hold more than 1/10 together. Of g turns,
    ///      floor(g/2) disjoint neighbouring pairs hold more than floor(g/2)/10 of the power, which is at most all of
    ///      it: floor(g/2) < 10, hence g <= 19. And no turn is empty: g <= n. (Without any power one turn holds all.)
    uint256 private constant _MAX_ARMING_TURNS = 19;
    /// @dev Each turn gets at least three blocks of lead (DESIGN §4.6).
    uint256 private constant _BLOCKS_PER_TURN = 3;
    /// @dev Blocks of lead for the proposal to be seen by every controller.
    uint256 private constant _NOTICE_BLOCKS = 3;
    /// @dev With at most 256 validators below this, no sum and no product of this contract can overflow.
    uint256 private constant _MAX_POWER = type(uint240).max;

    /// @notice Where voting power comes from.
    IPowerSource public immutable powerSource;
    /// @notice An account that may propose without being a validator; zero when there is none.
    address public immutable admin;
    /// @notice F: how many blocks before the target height the plan freezes.
    uint64 public immutable freezeBlocks;
    /// @notice How many blocks after the target height a proposal may wait to be confirmed before it is Expired.
    uint64 public immutable executionWindow;

    /// @notice The key that a validator lets signal for it; zero when there is none.
    mapping(address validator => address operator) public operatorOf;
    /// @notice The validator that an operator key signals for; zero when there is none.
    mapping(address operator => address validator) public validatorOf;

    uint64 private _count;
    uint64 private _lastScheduled;
    mapping(uint64 id => Proposal) private _proposals;
    mapping(uint64 id => mapping(address validator => Signal)) private _signals;
    mapping(uint64 id => address[]) private _frozenMembers;
    mapping(uint64 id => mapping(address validator => uint256)) private _frozenPower;

    /// @notice A proposal was made.
    event ProposalCreated(
        uint64 indexed id,
        address indexed proposer,
        string name,
        uint8 releaseKind,
        bytes32 releaseHash,
        string releaseUrl,
        uint64 targetHeight,
        bool breaking
    );
    /// @notice A proposal has its height; controllers act from here on.
    event ProposalScheduled(uint64 indexed id, uint64 targetHeight);
    /// @notice A validator named the key that signals for it (zero: none any more).
    event OperatorSet(address indexed validator, address indexed previous, address indexed operator);
    /// @notice A validator verified, staged and checked the release. Clears a failure that it reported before.
    event ReadySignalled(uint64 indexed id, address indexed validator, address sender);
    /// @notice A validator took its readiness back.
    event ReadyWithdrawn(uint64 indexed id, address indexed validator, address sender);
    /// @notice The running node of a validator has loaded the target height.
    event ArmedSignalled(uint64 indexed id, address indexed validator, address sender, uint64 height);
    /// @notice A validator's preparation failed.
    event FailureReported(uint64 indexed id, address indexed validator, address sender, uint16 code);
    /// @notice The plan is frozen and the verdict stands.
    event ProposalFrozen(
        uint64 indexed id,
        Verdict verdict,
        uint256 readyPower,
        uint256 armedPower,
        uint256 goPower,
        uint256 totalPower
    );
    /// @notice A validator runs the new release and has seen H committed.
    event CrossingConfirmed(
        uint64 indexed id, address indexed validator, address sender, bytes32 exeHash, bytes32 appHash
    );
    /// @notice More than 2/3 of the frozen power confirmed the crossing.
    event ProposalExecuted(uint64 indexed id, uint256 confirmedPower, uint256 totalPower);

    /// @notice The power source has no code.
    error NotAPowerSource(address given);
    /// @notice The freeze is shorter than the least allowed.
    error FreezeTooShort(uint64 required, uint64 given);
    /// @notice Without a window no crossing could ever be confirmed.
    error ZeroExecutionWindow();

    /// @notice The power source names more validators than are read.
    error TooManyValidators(uint256 limit, uint256 given);
    /// @notice The power source names the zero address as a validator.
    error ZeroValidator(uint256 index);
    /// @notice The power source names a validator twice.
    error DuplicateValidator(address validator);
    /// @notice The power source gives a validator a power beyond all sense.
    error PowerTooLarge(address validator, uint256 power);

    /// @notice Only a current validator or the admin proposes; an operator key does not.
    error NotAProposer(address caller);
    /// @notice The caller is neither a validator of the set in question nor the operator key of one.
    error NotAValidator(address caller);
    /// @notice A name is 1 to 64 of a-z, 0-9, dot, underscore and hyphen, and starts with a letter or digit.
    error InvalidName(string name);
    /// @notice There is no such release kind.
    error InvalidReleaseKind(uint8 given);
    /// @notice The release hash is zero.
    error ZeroReleaseHash();
    /// @notice A URL has 1 to 512 bytes.
    error InvalidUrlLength(uint256 limit, uint256 given);
    /// @notice A URL holds printable ASCII only, and no blank.
    error InvalidUrlCharacter(uint256 position, bytes1 given);
    /// @notice The target height is nearer than minimumLead() blocks.
    error LeadTooShort(uint256 required, uint256 given);
    /// @notice Another proposal is scheduled, or aborted and its height not yet over.
    error AlreadyScheduled(uint64 id);
    /// @notice There is no proposal of this id.
    error UnknownProposal(uint64 id);

    /// @notice The operator key is itself a validator of the current set.
    error OperatorIsValidator(address operator);
    /// @notice The operator key serves another validator.
    error OperatorTaken(address operator, address validator);
    /// @notice This is the operator key already.
    error OperatorUnchanged(address operator);

    /// @notice `firstBlock` is the first block in which this is allowed.
    error TooEarly(uint64 id, uint256 firstBlock, uint256 blockNumber);
    /// @notice `lastBlock` was the last block in which this was allowed.
    error TooLate(uint64 id, uint256 lastBlock, uint256 blockNumber);
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
    /// @notice The verdict of this proposal stands.
    error AlreadyFrozen(uint64 id, uint64 frozenAt);
    /// @notice The proposal was not frozen with the verdict Cross, so there is no crossing to confirm.
    error NotCrossing(uint64 id, Verdict verdict);
    /// @notice The hash of the running executable is zero.
    error ZeroExeHash();
    /// @notice The validator confirmed already.
    error AlreadyConfirmed(uint64 id, address validator);

    /// @param source where voting power comes from
    /// @param admin_ an account that may propose without being a validator; zero for none
    /// @param freezeBlocks_ F, in blocks; at least MIN_FREEZE_BLOCKS
    /// @param executionWindow_ blocks after the target height in which the crossing may be confirmed; not zero
    constructor(IPowerSource source, address admin_, uint64 freezeBlocks_, uint64 executionWindow_) {
        if (address(source).code.length == 0) revert NotAPowerSource(address(source));
        if (freezeBlocks_ < MIN_FREEZE_BLOCKS) revert FreezeTooShort(MIN_FREEZE_BLOCKS, freezeBlocks_);
        if (executionWindow_ == 0) revert ZeroExecutionWindow();
        powerSource = source;
        admin = admin_;
        freezeBlocks = freezeBlocks_;
        executionWindow = executionWindow_;
    }

    // ---------------------------------------------------------------- proposing

    /// @notice Proposes a release and schedules it. By a current validator or the admin; operator keys may not.
    /// @param name what people call it, e.g. v0.2.0: [a-z0-9][a-z0-9._-]{0,63}
    /// @param releaseKind a ReleaseKind: what `releaseHash` is the hash of
    /// @param releaseHash SHA-256 of the release; not zero
    /// @param releaseUrl where the release is to be had: 1 to 512 bytes of printable ASCII without blanks. Only a hint:
    ///        what runs is decided by the hash
    /// @param height H, the first block of the new release; at least minimumLead() blocks from now
    /// @param breaking whether a node that is not ready has to stop at H
    /// @return id the number of the proposal, from 1
    function propose(
        string calldata name,
        uint8 releaseKind,
        bytes32 releaseHash,
        string calldata releaseUrl,
        uint64 height,
        bool breaking
    ) external returns (uint64 id) {
        (IPowerSource.Member[] memory members,) = _membership();
        bool isAdmin = admin != address(0) && msg.sender == admin;
        if (!isAdmin && _powerIn(members, msg.sender) == 0) revert NotAProposer(msg.sender);
        _checkName(name);
        if (releaseKind > uint8(type(ReleaseKind).max)) revert InvalidReleaseKind(releaseKind);
        if (releaseHash == bytes32(0)) revert ZeroReleaseHash();
        _checkUrl(releaseUrl);
        uint256 required = _minimumLead(members.length);
        uint256 given = height > block.number ? height - block.number : 0;
        if (given < required) revert LeadTooShort(required, given);
        if (_occupied(_lastScheduled)) revert AlreadyScheduled(_lastScheduled);

        id = ++_count;
        _lastScheduled = id;
        Proposal storage p = _proposals[id];
        p.name = name;
        p.releaseKind = ReleaseKind(releaseKind);
        p.releaseHash = releaseHash;
        p.releaseUrl = releaseUrl;
        p.targetHeight = height;
        p.breaking = breaking;
        p.proposer = msg.sender;
        p.proposedAt = uint64(block.number);
        p.scheduledAt = uint64(block.number);
        emit ProposalCreated(id, msg.sender, name, releaseKind, releaseHash, releaseUrl, height, breaking);
        emit ProposalScheduled(id, height);
    }

    // ---------------------------------------------------------------- signals

    /// @notice Names the key that signals for the calling validator, so that the consensus key signs this and no more.
    /// @param operator a key that serves no other validator and is none of the current set; zero for none any more
    function setOperator(address operator) external {
        (IPowerSource.Member[] memory members,) = _membership();
        if (_powerIn(members, msg.sender) == 0) revert NotAValidator(msg.sender);
        address previous = operatorOf[msg.sender];
        if (operator == previous) revert OperatorUnchanged(operator);
        if (operator != address(0)) {
            if (_contains(members, operator)) revert OperatorIsValidator(operator);
            if (validatorOf[operator] != address(0)) revert OperatorTaken(operator, validatorOf[operator]);
        }

        if (previous != address(0)) delete validatorOf[previous];
        operatorOf[msg.sender] = operator;
        if (operator != address(0)) validatorOf[operator] = msg.sender;
        emit OperatorSet(msg.sender, previous, operator);
    }

    /// @notice Says that the release is verified, staged and checked on the validator's machine. Clears a failure.
    /// @param id the scheduled proposal
    /// @param releaseHash the hash of what was staged; must be the proposal's
    function signalReady(uint64 id, bytes32 releaseHash) external {
        (Proposal storage p, Signal storage s, address validator) = _signalling(id);
        if (releaseHash != p.releaseHash) revert WrongReleaseHash(p.releaseHash, releaseHash);
        if (s.readyAt != 0) revert AlreadyReady(id, validator);

        s.readyAt = uint64(block.number);
        s.readyTime = uint64(block.timestamp);
        s.failureCode = 0;
        s.failedAt = 0;
        emit ReadySignalled(id, validator, msg.sender);
    }

    /// @notice Takes the readiness back.
    /// @param id the scheduled proposal
    function withdrawReady(uint64 id) external {
        (, Signal storage s, address validator) = _signalling(id);
        if (s.readyAt == 0) revert NotReady(id, validator);

        s.readyAt = 0;
        s.readyTime = 0;
        emit ReadyWithdrawn(id, validator, msg.sender);
    }

    /// @notice Says that the validator's running node has loaded the target height and will stop there.
    /// @param id the scheduled proposal
    /// @param height the height that was loaded; must be the proposal's
    function signalArmed(uint64 id, uint64 height) external {
        (Proposal storage p, Signal storage s, address validator) = _signalling(id);
        if (height != p.targetHeight) revert WrongHeight(p.targetHeight, height);
        if (s.armedAt != 0) revert AlreadyArmed(id, validator);

        s.armedAt = uint64(block.number);
        emit ArmedSignalled(id, validator, msg.sender, height);
    }

    /// @notice Says that the preparation failed. Another code replaces the first; signalReady clears it.
    /// @param id the scheduled proposal
    /// @param code why, from 1
    function reportFailure(uint64 id, uint16 code) external {
        (, Signal storage s, address validator) = _signalling(id);
        if (code == 0) revert ZeroFailureCode();
        if (s.readyAt != 0) revert AlreadyReady(id, validator);
        if (s.failureCode == code) revert FailureUnchanged(id, validator, code);

        s.failureCode = code;
        s.failedAt = uint64(block.number);
        emit FailureReported(id, validator, msg.sender, code);
    }

    // ---------------------------------------------------------------- verdict and crossing

    /// @notice Stores the verdict and the membership it was taken on, once, for good. By anyone, from H-F to H-2.
    /// @param id the scheduled proposal
    function freeze(uint64 id) external {
        Proposal storage p = _existing(id);
        if (p.frozenAt != 0) revert AlreadyFrozen(id, p.frozenAt);
        uint256 first = p.targetHeight - freezeBlocks;
        uint256 last = p.targetHeight - 2;
        if (block.number < first) revert TooEarly(id, first, block.number);
        if (block.number > last) revert TooLate(id, last, block.number);
        (IPowerSource.Member[] memory members, uint256 total) = _membership();
        (uint256 ready, uint256 armed, uint256 go) = _tally(id, members);
        Verdict verdict = _moreThanTwoThirds(go, total) ? Verdict.Cross : Verdict.Abort;

        p.verdict = verdict;
        p.frozenAt = uint64(block.number);
        p.readyPower = ready;
        p.armedPower = armed;
        p.goPower = go;
        p.totalPower = total;
        address[] storage frozen = _frozenMembers[id];
        for (uint256 i = 0; i < members.length; ++i) {
            frozen.push(members[i].validator);
            _frozenPower[id][members[i].validator] = members[i].power;
        }
        emit ProposalFrozen(id, verdict, ready, armed, go, total);
    }

    /// @notice Says that the validator's node runs the new release and that H is committed. By the validators of the
    ///         frozen membership or their operator keys, after H, once each. More than 2/3 of the frozen power makes
    ///         the proposal Executed. After the execution window it is still recorded, but an Expired proposal stays so.
    /// @param id the proposal, frozen with the verdict Cross
    /// @param exeHash SHA-256 of the executable that runs; not zero
    /// @param appHash the application hash that the node has after H
    function confirmCrossed(uint64 id, bytes32 exeHash, bytes32 appHash) external {
        Proposal storage p = _existing(id);
        if (p.verdict != Verdict.Cross) {
            (, Verdict verdict) = _effective(p, p.targetHeight - 2);
            revert NotCrossing(id, verdict);
        }
        if (block.number <= p.targetHeight) revert TooEarly(id, uint256(p.targetHeight) + 1, block.number);
        address validator = msg.sender;
        if (_frozenPower[id][validator] == 0) validator = validatorOf[msg.sender];
        uint256 power = _frozenPower[id][validator];
        if (power == 0) revert NotAValidator(msg.sender);
        if (exeHash == bytes32(0)) revert ZeroExeHash();
        Signal storage s = _signals[id][validator];
        if (s.confirmedAt != 0) revert AlreadyConfirmed(id, validator);

        s.confirmedAt = uint64(block.number);
        s.exeHash = exeHash;
        s.appHash = appHash;
        p.confirmedPower += power;
        emit CrossingConfirmed(id, validator, msg.sender, exeHash, appHash);
        bool inTime = block.number <= uint256(p.targetHeight) + executionWindow;
        if (p.executedAt == 0 && inTime && _moreThanTwoThirds(p.confirmedPower, p.totalPower)) {
            p.executedAt = uint64(block.number);
            emit ProposalExecuted(id, p.confirmedPower, p.totalPower);
        }
    }

    // ---------------------------------------------------------------- views

    /// @notice One proposal as it stands after the block that is asked about.
    /// @param id its number, from 1
    function proposal(uint64 id) external view returns (ProposalView memory) {
        _existing(id);
        IPowerSource.Member[] memory members;
        uint256 total;
        if (_proposals[id].frozenAt == 0) (members, total) = _membership();
        return _view(id, members, total);
    }

    /// @notice Proposals, newest first.
    /// @param offset how many of the newest to leave out
    /// @param limit how many to return; at most MAX_PAGE are
    /// @return page the proposals
    /// @return total how many proposals there are in all
    function proposals(uint256 offset, uint256 limit)
        external
        view
        returns (ProposalView[] memory page, uint256 total)
    {
        total = _count;
        uint256 size = _pageSize(offset, limit, total);
        page = new ProposalView[](size);
        IPowerSource.Member[] memory members;
        uint256 totalPower;
        bool loaded;
        for (uint256 i = 0; i < size; ++i) {
            uint64 id = uint64(total - offset - i);
            if (!loaded && _proposals[id].frozenAt == 0) {
                (members, totalPower) = _membership();
                loaded = true;
            }
            page[i] = _view(id, members, totalPower);
        }
    }

    /// @notice Each validator's part in a proposal: over the membership of the moment, over the frozen one after the
    ///         freeze, in the order of the power source.
    /// @param id its number; 0 for the scheduled proposal, else the newest, else (none yet) just the validators
    /// @param offset how many validators to leave out
    /// @param limit how many to return; at most MAX_PAGE are
    /// @return page one row per validator
    /// @return total how many validators there are in all
    function readiness(uint64 id, uint256 offset, uint256 limit)
        external
        view
        returns (ReadinessView[] memory page, uint256 total)
    {
        if (id > _count) revert UnknownProposal(id);
        if (id == 0) {
            id = scheduledId();
            if (id == 0) id = _count;
        }
        IPowerSource.Member[] memory members;
        if (_proposals[id].frozenAt == 0) (members,) = _membership();
        else members = _frozenMembership(id);
        total = members.length;
        uint256 size = _pageSize(offset, limit, total);
        page = new ReadinessView[](size);
        for (uint256 i = 0; i < size; ++i) {
            IPowerSource.Member memory member = members[offset + i];
            Signal storage s = _signals[id][member.validator];
            ReadinessView memory row = page[i];
            row.validator = member.validator;
            row.power = member.power;
            row.operator = operatorOf[member.validator];
            row.readyAt = s.readyAt;
            row.readyTime = s.readyTime;
            row.armedAt = s.armedAt;
            row.failureCode = s.failureCode;
            row.failedAt = s.failedAt;
            row.confirmedAt = s.confirmedAt;
            row.exeHash = s.exeHash;
            row.appHash = s.appHash;
        }
    }

    /// @notice The proposal that is Scheduled after the block that is asked about; 0 when none is.
    function scheduledId() public view returns (uint64) {
        uint64 id = _lastScheduled;
        if (id == 0) return 0;
        (Status status,) = _effective(_proposals[id], _proposals[id].targetHeight - 3);
        return status == Status.Scheduled ? id : 0;
    }

    /// @notice The least distance from the block of a proposal to its target height, in blocks: the freeze, three
    ///         blocks for each arming turn, and three to be seen.
    function minimumLead() external view returns (uint256) {
        (IPowerSource.Member[] memory members,) = _membership();
        return _minimumLead(members.length);
    }

    // ---------------------------------------------------------------- status

    /// @dev The status and verdict at block.number, with `lastOpen` the last block.number at which a freeze may yet come:
    ///      H-2 inside a transaction, H-3 for a view, which looks at a block that is over.
    function _effective(Proposal storage p, uint256 lastOpen) private view returns (Status, Verdict) {
        if (p.frozenAt == 0) {
            if (block.number > lastOpen) return (Status.Aborted, Verdict.Abort);
            return (Status.Scheduled, Verdict.None);
        }
        if (p.verdict == Verdict.Abort) return (Status.Aborted, Verdict.Abort);
        if (p.executedAt != 0) return (Status.Executed, Verdict.Cross);
        if (block.number > uint256(p.targetHeight) + executionWindow) return (Status.Expired, Verdict.Cross);
        return (Status.Scheduled, Verdict.Cross);
    }

    /// @dev Whether a proposal keeps others from being scheduled. An aborted one does until its height is over, because
    ///      the armed nodes still stop there.
    function _occupied(uint64 id) private view returns (bool) {
        if (id == 0) return false;
        Proposal storage p = _proposals[id];
        (Status status,) = _effective(p, p.targetHeight - 2);
        return status == Status.Scheduled || (status == Status.Aborted && block.number <= p.targetHeight);
    }

    function _existing(uint64 id) private view returns (Proposal storage) {
        if (id == 0 || id > _count) revert UnknownProposal(id);
        return _proposals[id];
    }

    /// @dev What every signal needs: the proposal exists, its freeze has not begun, the caller speaks for a validator.
    function _signalling(uint64 id)
        private
        view
        returns (Proposal storage p, Signal storage s, address validator)
    {
        p = _existing(id);
        // A proposal is Scheduled in each block before its freeze begins.
        uint256 frozenFrom = p.targetHeight - freezeBlocks;
        if (block.number >= frozenFrom) revert TooLate(id, frozenFrom - 1, block.number);
        (IPowerSource.Member[] memory members,) = _membership();
        // A validator's own key speaks for itself, even if another validator named it its operator before it joined.
        validator = _contains(members, msg.sender) ? msg.sender : validatorOf[msg.sender];
        if (_powerIn(members, validator) == 0) revert NotAValidator(msg.sender);
        s = _signals[id][validator];
    }

    // ---------------------------------------------------------------- power

    /// @dev The membership of the moment, checked: at most 256 validators, none zero, none twice, no absurd power.
    function _membership() private view returns (IPowerSource.Member[] memory members, uint256 total) {
        (members,) = powerSource.membership();
        uint256 count = members.length;
        if (count > MAX_VALIDATORS) revert TooManyValidators(MAX_VALIDATORS, count);
        // An open-addressing set, at most half full, finds duplicates without comparing all pairs.
        uint256 size = 2;
        while (size < 2 * count) size *= 2;
        address[] memory seen = new address[](size);
        for (uint256 i = 0; i < count; ++i) {
            address validator = members[i].validator;
            if (validator == address(0)) revert ZeroValidator(i);
            if (members[i].power > _MAX_POWER) revert PowerTooLarge(validator, members[i].power);
            uint256 slot = uint160(validator) & (size - 1);
            while (seen[slot] != address(0)) {
                if (seen[slot] == validator) revert DuplicateValidator(validator);
                slot = (slot + 1) & (size - 1);
            }
            seen[slot] = validator;
            total += members[i].power;
        }
    }

    function _frozenMembership(uint64 id) private view returns (IPowerSource.Member[] memory members) {
        address[] storage frozen = _frozenMembers[id];
        members = new IPowerSource.Member[](frozen.length);
        for (uint256 i = 0; i < members.length; ++i) {
            address validator = frozen[i];
            members[i] = IPowerSource.Member({validator: validator, power: _frozenPower[id][validator]});
        }
    }

    function _contains(IPowerSource.Member[] memory members, address validator) private pure returns (bool) {
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i].validator == validator) return true;
        }
        return false;
    }

    /// @dev 0 for one who is not in the set: a validator without power has no say.
    function _powerIn(IPowerSource.Member[] memory members, address validator) private pure returns (uint256) {
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i].validator == validator) return members[i].power;
        }
        return 0;
    }

    /// @dev The power of the members that are ready, that are armed, and that are both.
    function _tally(uint64 id, IPowerSource.Member[] memory members)
        private
        view
        returns (uint256 ready, uint256 armed, uint256 go)
    {
        for (uint256 i = 0; i < members.length; ++i) {
            Signal storage s = _signals[id][members[i].validator];
            bool isReady = s.readyAt != 0;
            bool isArmed = s.armedAt != 0;
            if (isReady) ready += members[i].power;
            if (isArmed) armed += members[i].power;
            if (isReady && isArmed) go += members[i].power;
        }
    }

    /// @dev False for a total of zero. Cannot overflow: see _MAX_POWER.
    function _moreThanTwoThirds(uint256 power, uint256 total) private pure returns (bool) {
        return total > 0 && 3 * power > 2 * total;
    }

    function _minimumLead(uint256 validators) private view returns (uint256) {
        uint256 turns = validators < _MAX_ARMING_TURNS ? validators : _MAX_ARMING_TURNS;
        return uint256(freezeBlocks) + _BLOCKS_PER_TURN * turns + _NOTICE_BLOCKS;
    }

    // ---------------------------------------------------------------- rows and text

    /// @dev `members` and `total` are those of the moment; a frozen proposal does not look at them.
    function _view(uint64 id, IPowerSource.Member[] memory members, uint256 total)
        private
        view
        returns (ProposalView memory row)
    {
        Proposal storage p = _proposals[id];
        (Status status, Verdict verdict) = _effective(p, p.targetHeight - 3);
        row.id = id;
        row.name = p.name;
        row.releaseKind = uint8(p.releaseKind);
        row.releaseHash = p.releaseHash;
        row.releaseUrl = p.releaseUrl;
        row.targetHeight = p.targetHeight;
        row.breaking = p.breaking;
        row.proposer = p.proposer;
        row.proposedAt = p.proposedAt;
        row.scheduledAt = p.scheduledAt;
        row.status = uint8(status);
        row.verdict = uint8(verdict);
        row.frozenAt = p.frozenAt;
        row.freezeBlocks = freezeBlocks;
        row.confirmedPower = p.confirmedPower;
        if (p.frozenAt == 0) {
            (row.readyPower, row.armedPower, row.goPower) = _tally(id, members);
            row.totalPower = total;
        } else {
            row.readyPower = p.readyPower;
            row.armedPower = p.armedPower;
            row.goPower = p.goPower;
            row.totalPower = p.totalPower;
        }
    }

    function _pageSize(uint256 offset, uint256 limit, uint256 total) private pure returns (uint256) {
        if (offset >= total) return 0;
        uint256 left = total - offset;
        if (limit > MAX_PAGE) limit = MAX_PAGE;
        return limit < left ? limit : left;
    }

    function _checkName(string calldata name) private pure {
        bytes calldata text = bytes(name);
        if (text.length == 0 || text.length > MAX_NAME_LENGTH) revert InvalidName(name);
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 c = text[i];
            bool word = (c >= "a" && c <= "z") || (c >= "0" && c <= "9");
            bool mark = c == "." || c == "_" || c == "-";
            if (!word && (i == 0 || !mark)) revert InvalidName(name);
        }
    }

    /// @dev Control characters would reach terminals, bytes beyond ASCII would look like other letters.
    function _checkUrl(string calldata url) private pure {
        bytes calldata text = bytes(url);
        if (text.length == 0 || text.length > MAX_URL_LENGTH) revert InvalidUrlLength(MAX_URL_LENGTH, text.length);
        for (uint256 i = 0; i < text.length; ++i) {
            if (text[i] < 0x21 || text[i] > 0x7e) revert InvalidUrlCharacter(i, text[i]);
        }
    }
}

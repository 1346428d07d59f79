// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IPowerSource} from "./IPowerSource.sol";

/// @title Voting power that never changes
/// @notice For tests and for networks whose validator set is fixed. Checks nothing: the registry does at each read.
contract StaticPowerSource is IPowerSource {
    Member[] private _members;

    /// @param members the set, for good
    constructor(Member[] memory members) {
        for (uint256 i = 0; i < members.length; ++i) {
            _members.push(members[i]);
        }
    }

    /// @inheritdoc IPowerSource
    function membership() external view returns (Member[] memory members, uint64 configurationNumber) {
        return (_members, 0);
    }
}

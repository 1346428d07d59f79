// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IGatewayMembership} from "./IGatewayMembership.sol";

/// @title The devnet's stand-in for the IPC gateway
/// @notice Answers getCurrentMembership() as the gateway does; here an owner sets what on a subnet the parent decides.
///         For development networks only. It stores any set, broken ones too, so that readers can be tested with them.
contract GatewayStandIn is IGatewayMembership {
    /// @notice The one account that may change the set.
    address public immutable owner;

    Validator[] private _validators;
    uint64 private _configurationNumber;

    /// @notice The set was replaced.
    event MembershipUpdated(uint64 indexed configurationNumber, uint256 validators);

    /// @notice Only the owner may do this.
    error NotOwner(address caller);

    /// @param owner_ the account that may change the set later
    /// @param validators the set of genesis, number 0
    constructor(address owner_, Validator[] memory validators) {
        owner = owner_;
        _store(validators);
        emit MembershipUpdated(0, validators.length);
    }

    /// @notice Replaces the whole set; its number grows by one.
    /// @param validators the new set
    function setMembership(Validator[] calldata validators) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        delete _validators;
        uint64 number = ++_configurationNumber;
        _store(validators);
        emit MembershipUpdated(number, validators.length);
    }

    /// @inheritdoc IGatewayMembership
    function getCurrentMembership() external view returns (Membership memory) {
        return Membership({validators: _validators, configurationNumber: _configurationNumber});
    }

    /// @inheritdoc IGatewayMembership
    function getCurrentConfigurationNumber() external view returns (uint64) {
        return _configurationNumber;
    }

    function _store(Validator[] memory validators) private {
        for (uint256 i = 0; i < validators.length; ++i) {
            _validators.push(validators[i]);
        }
    }
}

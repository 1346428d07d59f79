// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IGatewayMembership} from "./IGatewayMembership.sol";
import {IPowerSource} from "./IPowerSource.sol";

/// @title Voting power from the gateway of an IPC subnet
/// @notice Passes on what the gateway says and checks nothing: the registry checks each set that it reads.
contract GatewayPowerSource is IPowerSource {
    /// @notice The gateway that this adapter reads.
    IGatewayMembership public immutable gateway;

    /// @notice The address has no code, so it cannot be a gateway.
    error NotAGateway(address given);

    /// @param gateway_ the gateway diamond of the subnet
    constructor(IGatewayMembership gateway_) {
        if (address(gateway_).code.length == 0) revert NotAGateway(address(gateway_));
        gateway = gateway_;
    }

    /// @inheritdoc IPowerSource
    function membership() external view returns (Member[] memory members, uint64 configurationNumber) {
        IGatewayMembership.Membership memory current = gateway.getCurrentMembership();
        uint256 count = current.validators.length;
        members = new Member[](count);
        for (uint256 i = 0; i < count; ++i) {
            members[i] = Member({validator: current.validators[i].addr, power: current.validators[i].weight});
        }
        configurationNumber = current.configurationNumber;
    }
}

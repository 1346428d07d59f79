// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What every subnet actor of these tests has
abstract contract SubnetActor {
    address[] internal _active;
    mapping(address => uint256) internal _powers;
    uint64 internal _start = 1;

    error FunctionNotFound(bytes4 selector);

    fallback() external {
        revert FunctionNotFound(msg.sig);
    }

    function set(address[] calldata active, uint256[] calldata powers, uint64 start) external {
        _active = active;
        for (uint256 i = 0; i < active.length; ++i) {
            _powers[active[i]] = powers[i];
        }
        _start = start;
    }

    function getActiveValidators() external view returns (address[] memory) {
        return _active;
    }

    function getConfigurationNumbers() external view returns (uint64, uint64) {
        return (_start + 3, _start);
    }
}

/// @title A subnet actor as it is since March 2025
contract SubnetActorNow is SubnetActor {
    function getCurrentPower(address validator) external view returns (uint256) {
        return _powers[validator];
    }

    /// @dev Those that wait are in it: nobody may count by this.
    function getTotalCurrentPower() external pure returns (uint256) {
        return type(uint256).max;
    }
}

/// @title A subnet actor as it was before
contract SubnetActorBefore is SubnetActor {
    function getPower(address validator) external view returns (uint256) {
        return _powers[validator];
    }
}

/// @title One that answers anything to anything
contract SubnetActorOfBytes {
    mapping(bytes4 => bytes) private _answers;

    function answer(bytes4 selector, bytes calldata data) external {
        _answers[selector] = data;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        return _answers[msg.sig];
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {RegistryErrors} from "./RegistryErrors.sol";

/// @title What names, URLs and texts may hold
/// @notice Control characters would reach terminals, letters beyond ASCII would look like others.
abstract contract RegistryText is RegistryErrors {
    /// @notice The longest release URL, in bytes.
    uint256 public constant MAX_URL_LENGTH = 512;
    /// @notice The longest proposal name, in bytes.
    uint256 public constant MAX_NAME_LENGTH = 64;
    /// @notice The longest text of an approval, in bytes.
    uint256 public constant MAX_TEXT_LENGTH = 256;

    function _checkName(string calldata name) internal pure {
        bytes calldata text = bytes(name);
        if (text.length == 0 || text.length > MAX_NAME_LENGTH) revert InvalidName(name);
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 c = text[i];
            bool word = (c >= "a" && c <= "z") || (c >= "0" && c <= "9");
            bool mark = c == "." || c == "_" || c == "-";
            if (!word && (i == 0 || !mark)) revert InvalidName(name);
        }
    }

    function _checkUrl(string calldata url) internal pure {
        bytes calldata text = bytes(url);
        if (text.length == 0 || text.length > MAX_URL_LENGTH) revert InvalidUrlLength(MAX_URL_LENGTH, text.length);
        for (uint256 i = 0; i < text.length; ++i) {
            if (text[i] < 0x21 || text[i] > 0x7e) revert InvalidUrlCharacter(i, text[i]);
        }
    }

    /// @dev A signer's own words, in any script; who shows them makes them safe.
    function _checkText(string calldata words) internal pure {
        bytes calldata text = bytes(words);
        if (text.length > MAX_TEXT_LENGTH) revert TextTooLong(MAX_TEXT_LENGTH, text.length);
        for (uint256 i = 0; i < text.length; ++i) {
            if (text[i] < 0x20 || text[i] == 0x7f) revert InvalidTextCharacter(i, text[i]);
        }
    }

    /// @dev Zeros stand behind the last character only.
    function _checkVersion(bytes32 version) internal pure {
        bool over = false;
        for (uint256 i = 0; i < 32; ++i) {
            bytes1 c = version[i];
            if (c == 0 && i > 0) over = true;
            else if (over || c < 0x21 || c > 0x7e) revert InvalidVersion(version);
        }
    }
}

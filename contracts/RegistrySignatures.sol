// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {RegistrySignals} from "./RegistrySignals.sol";
import {RegistryVoting} from "./RegistryVoting.sol";

/// @title Votes and readiness by signature, for validators without gas
/// @notice EIP-712 messages: each carries the next nonce of its signer and the last block in which it counts, and is good
///         for this registry on this chain alone. Whoever sends it pays.
abstract contract RegistrySignatures is RegistryVoting, RegistrySignals, EIP712 {
    bytes32 private constant _VOTE =
        keccak256("Vote(uint64 id,bool support,address validator,uint256 nonce,uint256 deadline)");
    bytes32 private constant _READY =
        keccak256("Ready(uint64 id,bytes32 releaseHash,address signer,uint256 nonce,uint256 deadline)");

    constructor() EIP712("UpgradeRegistry", "1") {}

    /// @notice Votes for a validator that signed
    ///         Vote(uint64 id,bool support,address validator,uint256 nonce,uint256 deadline).
    /// @param id the proposal
    /// @param support yes or no
    /// @param validator who signed, with its own key
    /// @param deadline the last block in which the message counts
    /// @param signature 65 bytes: r, s, v
    function voteBySig(uint64 id, bool support, address validator, uint256 deadline, bytes calldata signature)
        external
    {
        uint256 nonce = _useNonce(validator, deadline);
        _checkSignature(keccak256(abi.encode(_VOTE, id, support, validator, nonce, deadline)), validator, signature);
        _vote(id, support, validator);
    }

    /// @notice Signals readiness for the validator of a key that signed
    ///         Ready(uint64 id,bytes32 releaseHash,address signer,uint256 nonce,uint256 deadline).
    /// @param id the approved or scheduled proposal
    /// @param releaseHash the hash of what was staged; must be the proposal's
    /// @param signer who signed: a validator's own key or its operator key
    /// @param deadline the last block in which the message counts
    /// @param signature 65 bytes: r, s, v
    function signalReadyBySig(
        uint64 id,
        bytes32 releaseHash,
        address signer,
        uint256 deadline,
        bytes calldata signature
    ) external {
        uint256 nonce = _useNonce(signer, deadline);
        _checkSignature(keccak256(abi.encode(_READY, id, releaseHash, signer, nonce, deadline)), signer, signature);
        _ready(id, releaseHash, signer);
    }

    function _useNonce(address signer, uint256 deadline) private returns (uint256) {
        if (block.number > deadline) revert SignatureExpired(deadline, block.number);
        return _nonces[signer]++;
    }

    function _checkSignature(bytes32 message, address signer, bytes calldata signature) private view {
        // The third value says more of a problem than is told.
        // slither-disable-next-line unused-return
        (address found, ECDSA.RecoverError problem,) = ECDSA.tryRecover(_hashTypedDataV4(message), signature);
        // `found` is zero with a problem, and the zero address signs nothing.
        if (problem != ECDSA.RecoverError.NoError || found != signer) revert InvalidSignature(signer);
    }
}

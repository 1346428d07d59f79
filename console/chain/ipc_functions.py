"""Functions of IPC's diamonds, as far as they are known for certain (facts/ipc.md §3.1–3.4), by facet.

For names beside selectors, and to say which facet one is; the bytes are always shown with them. Facets of which no
function is known are not listed: they are named by their code where an artefact of it is at hand.
"""

from __future__ import annotations

from collections.abc import Mapping

DIAMOND_CUT = "diamondCut((address,uint8,bytes4[])[],address,bytes)"

CORE_FACETS: Mapping[str, tuple[str, ...]] = {
    "DiamondCutFacet": (DIAMOND_CUT,),
    "DiamondLoupeFacet": (
        "facets()",
        "facetFunctionSelectors(address)",
        "facetAddresses()",
        "facetAddress(bytes4)",
        "supportsInterface(bytes4)",
    ),
    "OwnershipFacet": ("owner()", "transferOwnership(address)"),
}
"""What every diamond needs to stay a diamond that can be read, cut and handed over."""

IPC_FACETS: Mapping[str, tuple[str, ...]] = {
    **CORE_FACETS,
    "GatewayGetterFacet": (
        "getCurrentMembership()",
        "getCurrentConfigurationNumber()",
        "getNetworkName()",
        "getLatestParentFinality()",
        "bottomUpCheckPeriod()",
        "getCommitSha()",
    ),
    "SubnetActorGetterFacet": (
        "getActiveValidators()",
        "getWaitingValidators()",
        "getActiveValidatorsNumber()",
        "getCurrentPower(address)",
        "getPower(address)",
        "getTotalCurrentPower()",
        "getTotalConfirmedCollateral()",
        "getValidator(address)",
        "isActiveValidator(address)",
        "isWaitingValidator(address)",
        "permissionMode()",
        "powerScale()",
        "majorityPercentage()",
        "chainID()",
        "getParent()",
        "ipcGatewayAddr()",
        "bootstrapped()",
        "killed()",
        "getBootstrapNodes()",
    ),
    "SubnetActorPauseFacet": ("pause()", "unpause()", "paused()"),
    "RegisterSubnetFacet": ("updateReferenceSubnetContract(address,address,bytes4[],bytes4[])",),
}
"""Both generations where a getter was renamed (facts/ipc.md §3.4)."""

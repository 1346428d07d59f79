"""A Cosmos SDK chain read for the screen: x/upgrade, x/gov, x/staking and x/slashing."""

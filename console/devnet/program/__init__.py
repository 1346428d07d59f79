"""The devnet's node program: a CometBFT-shaped validator in one process, zipped as one file per release."""

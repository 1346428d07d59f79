"""`contracts …` and `propose-contract`: contracts looked at, deployed, handed over and upgraded."""

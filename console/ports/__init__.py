"""The seams, as Protocols: where chain, node, screens and operations meet without knowing each other (DESIGN §2).

`keys`: between whoever has something signed and the signer. `chain`: what a controller asks of a chain. `session`:
what a screen is given. Each is imported by itself, and none imports another one's world.
"""

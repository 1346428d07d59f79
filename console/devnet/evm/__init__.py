"""The devnet's one EVM: py-evm behind a small HTTP protocol, with a history that is linear by height.

`python -m console.devnet.evm` serves it; `genesis.build_genesis` makes the file it starts from. Importing this
package imports nothing heavy.
"""

from __future__ import annotations

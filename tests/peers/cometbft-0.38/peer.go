// Package peer holds the dependency whose command is built, so that go.sum pins it and all that it is built from.
package peer

import _ "github.com/cometbft/cometbft/cmd/cometbft/commands"

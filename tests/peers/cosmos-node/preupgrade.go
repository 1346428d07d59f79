package main

import (
	"os"
	"strconv"

	"github.com/spf13/cobra"
)

// preUpgradeCommand is what a supervisor calls before the first start of a new binary. A test says by the environment
// how it ends.
func preUpgradeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pre-upgrade",
		Short: "Prepare this node's files for the version of this binary",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			code, err := strconv.Atoi(os.Getenv("TESTCHAIND_PRE_UPGRADE_CODE"))
			if err == nil && code != 0 {
				cmd.PrintErrln("pre-upgrade was told to fail")
				os.Exit(code)
			}
			cmd.Println("nothing to prepare for " + plan)
			return nil
		},
	}
}

package provider

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/tx"
)

// GetTxCmd has the command that is no generated one, since operators write its status in capitals.
func (Module) GetTxCmd() *cobra.Command {
	group := &cobra.Command{Use: ModuleName, Short: "Transactions of providers", RunE: client.ValidateCmd}
	group.AddCommand(setStatusCommand())
	return group
}

func setStatusCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "set-status",
		Short: "Say whether this provider takes new work",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			context, err := client.GetClientTxContext(cmd)
			if err != nil {
				return err
			}
			status, _ := cmd.Flags().GetString("status")
			reason, _ := cmd.Flags().GetString("reason")
			wanted, known := ProviderStatus_value["PROVIDER_STATUS_"+strings.ToUpper(status)]
			if !known || wanted == 0 {
				return fmt.Errorf("a status is ACTIVE or PAUSED, not %q", status)
			}
			message := &MsgSetStatus{
				Provider: context.GetFromAddress().String(), Status: ProviderStatus(wanted), Reason: reason,
			}
			return tx.GenerateOrBroadcastTxCLI(context, cmd.Flags(), message)
		},
	}
	command.Flags().String("status", "", "ACTIVE or PAUSED")
	command.Flags().String("reason", "", "Why it pauses, for everybody to read")
	flags.AddTxFlagsToCmd(command)
	return command
}

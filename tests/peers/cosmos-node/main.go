// Command testchaind is the node of a small Cosmos SDK chain: what an operator's daemon needs to have its upgrade tested.
package main

import (
	"os"

	"cosmossdk.io/client/v2/autocli"
	"cosmossdk.io/depinject"
	"cosmossdk.io/log"
	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/keys"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"
)

const (
	appName       = "testchain"
	addressPrefix = "testchain"
	denomination  = "stake"
)

// plan is the upgrade that this build carries out, set by the linker; empty in the build that a chain starts with.
var plan string

func main() {
	prefixes := sdk.GetConfig()
	prefixes.SetBech32PrefixForAccount(addressPrefix, addressPrefix+"pub")
	prefixes.SetBech32PrefixForValidator(addressPrefix+"valoper", addressPrefix+"valoperpub")
	prefixes.SetBech32PrefixForConsensusNode(addressPrefix+"valcons", addressPrefix+"valconspub")
	prefixes.Seal()
	home := os.ExpandEnv("$HOME/." + appName)
	if err := svrcmd.Execute(command(home), "", home); err != nil {
		os.Exit(1)
	}
}

// command is the daemon's command line: what every chain's has, and what lays out a network.
func command(home string) *cobra.Command {
	var generated autocli.AppOptions
	var basics module.BasicManager
	var context client.Context
	if err := depinject.Inject(
		depinject.Configs(wiring(), depinject.Supply(log.NewNopLogger()), depinject.Provide(ClientContext)),
		&generated, &basics, &context,
	); err != nil {
		panic(err)
	}
	root := &cobra.Command{
		Use:           appName + "d",
		SilenceErrors: false,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.OutOrStdout())
			cmd.SetErr(cmd.ErrOrStderr())
			context, err := client.ReadPersistentCommandFlags(context.WithCmdContext(cmd.Context()), cmd.Flags())
			if err != nil {
				return err
			}
			if context, err = config.ReadFromClientConfig(context); err != nil {
				return err
			}
			if err := client.SetCmdClientContextHandler(context, cmd); err != nil {
				return err
			}
			return server.InterceptConfigsPreRunHandler(
				cmd, serverconfig.DefaultConfigTemplate, serverconfig.DefaultConfig(), cmtcfg.DefaultConfig())
		},
	}
	server.AddCommands(root, home, newChain, nil, func(*cobra.Command) {})
	root.AddCommand(
		genutilcli.InitCmd(basics, home),
		genutilcli.Commands(context.TxConfig, basics, home),
		server.StatusCommand(),
		keys.Commands(),
		group("query", "q", server.QueryBlockCmd(), server.QueryBlocksCmd(), authcmd.QueryTxCmd(), authcmd.QueryTxsByEventsCmd()),
		group("tx", "", authcmd.GetSignCommand(), authcmd.GetBroadcastCommand(), authcmd.GetEncodeCommand()),
		preUpgradeCommand(),
		networkCommand(context, basics),
	)
	if err := generated.EnhanceRootCommand(root); err != nil {
		panic(err)
	}
	return root
}

func group(name, alias string, commands ...*cobra.Command) *cobra.Command {
	found := &cobra.Command{Use: name, RunE: client.ValidateCmd, DisableFlagParsing: false}
	if alias != "" {
		found.Aliases = []string{alias}
	}
	found.AddCommand(commands...)
	found.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")
	return found
}

// ClientContext is what commands share, as the wiring makes it.
func ClientContext(
	codec codec.Codec, registry codectypes.InterfaceRegistry, amino *codec.LegacyAmino, txs client.TxConfig,
) client.Context {
	return client.Context{}.
		WithCodec(codec).
		WithInterfaceRegistry(registry).
		WithLegacyAmino(amino).
		WithTxConfig(txs).
		WithInput(os.Stdin).
		WithAccountRetriever(authtypes.AccountRetriever{}).
		WithHomeDir(os.ExpandEnv("$HOME/." + appName)).
		WithViper("")
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	sdkmath "cosmossdk.io/math"
	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/tx"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

const (
	operatorKey = "operator"
	// Of the smallest coin: what a unit of voting power takes, and what each operator has beside its stake.
	perPower = 1_000_000
	purse    = 1_000_000_000
)

// asked is a network to lay out, as a file says.
type asked struct {
	ChainID         string        `json:"chain_id"`
	BlockTime       time.Duration `json:"block_time_ns"`
	VotingPeriod    time.Duration `json:"voting_period_ns"`
	ExpeditedPeriod time.Duration `json:"expedited_period_ns"`
	DepositPeriod   time.Duration `json:"deposit_period_ns"`
	MinDeposit      int64         `json:"min_deposit"`
	SignedWindow    int64         `json:"signed_blocks_window"`
	JailDuration    time.Duration `json:"jail_duration_ns"`
	Nodes           []node        `json:"nodes"`
}

type node struct {
	Moniker string `json:"moniker"`
	Home    string `json:"home"`
	Power   int64  `json:"power"`
	P2P     int    `json:"p2p_port"`
	RPC     int    `json:"rpc_port"`
	GRPC    int    `json:"grpc_port"`
	REST    int    `json:"rest_port"`
}

// networkCommand writes the homes of a whole network: keys, genesis and settings of every node.
func networkCommand(context client.Context, basics module.BasicManager) *cobra.Command {
	return &cobra.Command{
		Use:   "lay-out [network.json]",
		Short: "Write the homes of a network of validators on this machine",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			content, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			var network asked
			if err := json.Unmarshal(content, &network); err != nil {
				return err
			}
			return network.layOut(context, basics)
		},
	}
}

func (network asked) layOut(context client.Context, basics module.BasicManager) error {
	var peers []string
	var accounts []authtypes.GenesisAccount
	var balances []banktypes.Balance
	var txs []json.RawMessage
	configs := make([]*cmtcfg.Config, len(network.Nodes))
	for at, each := range network.Nodes {
		config := each.comet(network.BlockTime)
		if err := os.MkdirAll(filepath.Join(each.Home, "config"), 0o755); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(each.Home, "data"), 0o755); err != nil {
			return err
		}
		identity, consensus, err := genutil.InitializeNodeValidatorFiles(config)
		if err != nil {
			return err
		}
		keys, err := keyring.New(appName, keyring.BackendTest, each.Home, nil, context.Codec)
		if err != nil {
			return err
		}
		operator, _, err := testutil.GenerateSaveCoinKey(keys, operatorKey, "", true, hd.Secp256k1)
		if err != nil {
			return err
		}
		stake := sdk.NewInt64Coin(denomination, each.Power*perPower)
		created, err := stakingtypes.NewMsgCreateValidator(
			sdk.ValAddress(operator).String(), consensus, stake,
			stakingtypes.NewDescription(each.Moniker, "", "", "", ""),
			stakingtypes.NewCommissionRates(sdkmath.LegacyNewDecWithPrec(5, 2), sdkmath.LegacyOneDec(), sdkmath.LegacyOneDec()),
			sdkmath.OneInt(),
		)
		if err != nil {
			return err
		}
		signed, err := network.sign(context, keys, created)
		if err != nil {
			return err
		}
		configs[at] = config
		peers = append(peers, fmt.Sprintf("%s@127.0.0.1:%d", identity, each.P2P))
		txs = append(txs, signed)
		accounts = append(accounts, authtypes.NewBaseAccount(operator, nil, 0, 0))
		balances = append(balances, banktypes.Balance{
			Address: operator.String(), Coins: sdk.NewCoins(stake.AddAmount(sdkmath.NewInt(purse))),
		})
	}
	genesis, err := network.genesis(context, basics, accounts, balances, txs)
	if err != nil {
		return err
	}
	for at, each := range network.Nodes {
		if err := each.write(configs[at], network.ChainID, peers, at, genesis); err != nil {
			return err
		}
	}
	return nil
}

func (network asked) sign(context client.Context, keys keyring.Keyring, message sdk.Msg) (json.RawMessage, error) {
	building := context.TxConfig.NewTxBuilder()
	if err := building.SetMsgs(message); err != nil {
		return nil, err
	}
	factory := tx.Factory{}.WithChainID(network.ChainID).WithKeybase(keys).WithTxConfig(context.TxConfig)
	if err := tx.Sign(context.CmdContext, factory, operatorKey, building, true); err != nil {
		return nil, err
	}
	return context.TxConfig.TxJSONEncoder()(building.GetTx())
}

func (network asked) genesis(
	context client.Context, basics module.BasicManager,
	accounts []authtypes.GenesisAccount, balances []banktypes.Balance, txs []json.RawMessage,
) (*genutiltypes.AppGenesis, error) {
	codec := context.Codec
	state := basics.DefaultGenesis(codec)

	var auth authtypes.GenesisState
	codec.MustUnmarshalJSON(state[authtypes.ModuleName], &auth)
	packed, err := authtypes.PackAccounts(accounts)
	if err != nil {
		return nil, err
	}
	auth.Accounts = packed
	state[authtypes.ModuleName] = codec.MustMarshalJSON(&auth)

	var bank banktypes.GenesisState
	codec.MustUnmarshalJSON(state[banktypes.ModuleName], &bank)
	bank.Balances = banktypes.SanitizeGenesisBalances(balances)
	for _, balance := range bank.Balances {
		bank.Supply = bank.Supply.Add(balance.Coins...)
	}
	state[banktypes.ModuleName] = codec.MustMarshalJSON(&bank)

	var gov govv1.GenesisState
	codec.MustUnmarshalJSON(state[govtypes.ModuleName], &gov)
	gov.Params.VotingPeriod = &network.VotingPeriod
	gov.Params.ExpeditedVotingPeriod = &network.ExpeditedPeriod
	gov.Params.MaxDepositPeriod = &network.DepositPeriod
	gov.Params.MinDeposit = sdk.NewCoins(sdk.NewInt64Coin(denomination, network.MinDeposit))
	gov.Params.ExpeditedMinDeposit = sdk.NewCoins(sdk.NewInt64Coin(denomination, 5*network.MinDeposit))
	state[govtypes.ModuleName] = codec.MustMarshalJSON(&gov)

	var slashing slashingtypes.GenesisState
	codec.MustUnmarshalJSON(state[slashingtypes.ModuleName], &slashing)
	slashing.Params.SignedBlocksWindow = network.SignedWindow
	slashing.Params.DowntimeJailDuration = network.JailDuration
	state[slashingtypes.ModuleName] = codec.MustMarshalJSON(&slashing)

	state[genutiltypes.ModuleName] = codec.MustMarshalJSON(&genutiltypes.GenesisState{GenTxs: txs})
	content, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	genesis := genutiltypes.NewAppGenesisWithVersion(network.ChainID, content)
	return genesis, genesis.ValidateAndComplete()
}

// comet is how a node's CometBFT is set: peers on this machine alone, and rounds as short as the blocks.
func (each node) comet(blockTime time.Duration) *cmtcfg.Config {
	config := cmtcfg.DefaultConfig().SetRoot(each.Home)
	config.Moniker = each.Moniker
	config.RPC.ListenAddress = fmt.Sprintf("tcp://127.0.0.1:%d", each.RPC)
	config.RPC.PprofListenAddress = ""
	config.P2P.ListenAddress = fmt.Sprintf("tcp://127.0.0.1:%d", each.P2P)
	config.P2P.AddrBookStrict = false
	config.P2P.AllowDuplicateIP = true
	config.P2P.PexReactor = false
	config.Consensus.TimeoutCommit = blockTime
	config.Consensus.TimeoutPropose = time.Second
	return config
}

func (each node) write(
	config *cmtcfg.Config, chainID string, peers []string, at int, genesis *genutiltypes.AppGenesis,
) error {
	others := append(append([]string{}, peers[:at]...), peers[at+1:]...)
	config.P2P.PersistentPeers = strings.Join(others, ",")
	cmtcfg.WriteConfigFile(filepath.Join(each.Home, "config", "config.toml"), config)

	app := serverconfig.DefaultConfig()
	app.MinGasPrices = "0" + denomination
	app.API.Enable = true
	app.API.Address = fmt.Sprintf("tcp://127.0.0.1:%d", each.REST)
	app.GRPC.Address = fmt.Sprintf("127.0.0.1:%d", each.GRPC)
	app.GRPCWeb.Enable = false
	serverconfig.SetConfigTemplate(serverconfig.DefaultConfigTemplate)
	serverconfig.WriteConfigFile(filepath.Join(each.Home, "config", "app.toml"), app)

	chosen := fmt.Sprintf(
		"chain-id = %q\nkeyring-backend = %q\noutput = %q\nnode = %q\nbroadcast-mode = %q\n",
		chainID, keyring.BackendTest, "json", config.RPC.ListenAddress, "sync")
	if err := os.WriteFile(filepath.Join(each.Home, "config", "client.toml"), []byte(chosen), 0o600); err != nil {
		return err
	}
	return genesis.SaveAs(config.GenesisFile())
}

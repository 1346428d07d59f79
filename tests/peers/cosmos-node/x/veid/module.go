package veid

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"
	"cosmossdk.io/collections"
	"cosmossdk.io/core/appmodule"
	"cosmossdk.io/core/store"
	"cosmossdk.io/depinject"
	"cosmossdk.io/depinject/appconfig"
	"github.com/grpc-ecosystem/grpc-gateway/runtime"
	"google.golang.org/grpc"

	"github.com/cosmos/cosmos-sdk/client"
	sdkcodec "github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"

	modulev1 "upgrade-console/peers/cosmos-node/x/veid/modulev1"
)

// firstVersion is the model that the chain begins with; its file has just the bytes `model v1.0.0`.
const firstVersion = "v1.0.0"

var (
	_ module.AppModuleBasic      = Module{}
	_ module.HasGenesis          = Module{}
	_ appmodule.AppModule        = Module{}
	_ appmodule.HasServices      = Module{}
	_ appmodule.HasBeginBlocker  = Module{}
	_ depinject.OnePerModuleType = Module{}
)

func init() {
	appconfig.RegisterModule(&modulev1.Module{}, appconfig.Provide(Wire))
}

// Wired is what the module is made of.
type Wired struct {
	depinject.In

	Stores  store.KVStoreService
	Codec   sdkcodec.Codec
	Staking *stakingkeeper.Keeper
}

// Wire makes the module; the chain's government has the authority.
func Wire(in Wired) appmodule.AppModule {
	authority := authtypes.NewModuleAddress(govtypes.ModuleName).String()
	return Module{keeper: NewKeeper(in.Stores, in.Codec, in.Staking, authority)}
}

// Module has the chain know its model.
type Module struct{ keeper Keeper }

// IsAppModule marks it as a module.
func (Module) IsAppModule() {}

// IsOnePerModuleType marks it for the wiring.
func (Module) IsOnePerModuleType() {}

// Name is the module's.
func (Module) Name() string { return ModuleName }

// ConsensusVersion is that of the store's layout.
func (Module) ConsensusVersion() uint64 { return 1 }

// RegisterLegacyAminoCodec is for wallets that this chain has none of.
func (Module) RegisterLegacyAminoCodec(*sdkcodec.LegacyAmino) {}

// RegisterInterfaces tells the chain of the messages.
func (Module) RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil), &MsgUpdateModel{}, &MsgConfirmModel{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}

// RegisterServices has the keeper answer.
func (m Module) RegisterServices(registrar grpc.ServiceRegistrar) error {
	RegisterMsgServer(registrar, m.keeper)
	RegisterQueryServer(registrar, m.keeper)
	return nil
}

// RegisterGRPCGatewayRoutes has REST ask it.
func (Module) RegisterGRPCGatewayRoutes(asking client.Context, mux *runtime.ServeMux) {
	if err := RegisterQueryHandlerClient(context.Background(), mux, NewQueryClient(asking)); err != nil {
		panic(err)
	}
}

// BeginBlock has a block executed with the model that counts from it on.
func (m Module) BeginBlock(ctx context.Context) error { return m.keeper.takeUp(ctx) }

// DefaultGenesis has the first model in force.
func (Module) DefaultGenesis(codec sdkcodec.JSONCodec) json.RawMessage {
	hash := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("model "+firstVersion)))
	return codec.MustMarshalJSON(&GenesisState{Active: Model{ModelVersion: firstVersion, ModelHash: hash}})
}

// ValidateGenesis looks whether it is one.
func (Module) ValidateGenesis(codec sdkcodec.JSONCodec, _ client.TxEncodingConfig, content json.RawMessage) error {
	return codec.UnmarshalJSON(content, &GenesisState{})
}

// InitGenesis takes models and confirmations over.
func (m Module) InitGenesis(ctx sdk.Context, codec sdkcodec.JSONCodec, content json.RawMessage) {
	var state GenesisState
	codec.MustUnmarshalJSON(content, &state)
	must(m.keeper.active.Set(ctx, state.Active))
	if state.Pending != nil {
		must(m.keeper.pending.Set(ctx, *state.Pending))
	}
	for _, each := range state.Confirmations {
		operator, err := sdk.ValAddressFromBech32(each.Validator)
		must(err)
		must(m.keeper.confirmations.Set(ctx, collections.Join(each.ModelVersion, operator), each))
	}
}

// ExportGenesis gives them.
func (m Module) ExportGenesis(ctx sdk.Context, codec sdkcodec.JSONCodec) json.RawMessage {
	status, err := m.keeper.ModelStatus(ctx, nil)
	must(err)
	state := GenesisState{Active: status.Active, Pending: status.Pending}
	must(m.keeper.confirmations.Walk(ctx, nil,
		func(_ collections.Pair[string, sdk.ValAddress], each Confirmation) (bool, error) {
			state.Confirmations = append(state.Confirmations, each)
			return false, nil
		}))
	return codec.MustMarshalJSON(&state)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// AutoCLIOptions are the commands, all of them generated.
func (Module) AutoCLIOptions() *autocliv1.ModuleOptions {
	version := &autocliv1.PositionalArgDescriptor{ProtoField: "model_version"}
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service: _Query_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				{RpcMethod: "ModelStatus", Use: "model-status", Short: "Query the model in force, and the next one"},
				{
					RpcMethod: "Confirmations", Use: "confirmations [model-version]", Short: "Query who has a model",
					PositionalArgs: []*autocliv1.PositionalArgDescriptor{version},
				},
			},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: _Msg_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				{RpcMethod: "UpdateModel", Skip: true},
				{
					RpcMethod: "ConfirmModel", Use: "confirm-model [model-version] [model-hash]",
					Short:          "Say that this validator has a model, verified and loaded",
					PositionalArgs: []*autocliv1.PositionalArgDescriptor{version, {ProtoField: "model_hash"}},
				},
			},
		},
	}
}

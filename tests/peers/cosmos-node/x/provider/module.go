package provider

import (
	"context"
	"encoding/json"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"
	"cosmossdk.io/core/appmodule"
	"cosmossdk.io/core/store"
	"cosmossdk.io/depinject"
	"cosmossdk.io/depinject/appconfig"
	"github.com/grpc-ecosystem/grpc-gateway/runtime"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/types/msgservice"

	modulev1 "upgrade-console/peers/cosmos-node/x/provider/modulev1"
)

var (
	_ module.AppModuleBasic                  = Module{}
	_ module.HasGenesis                      = Module{}
	_ appmodule.AppModule                    = Module{}
	_ appmodule.HasServices                  = Module{}
	_ depinject.OnePerModuleType             = Module{}
	_ interface{ GetTxCmd() *cobra.Command } = Module{}
)

func init() {
	appconfig.RegisterModule(&modulev1.Module{}, appconfig.Provide(Wire))
}

// Wired is what the module is made of.
type Wired struct {
	depinject.In

	Stores store.KVStoreService
	Codec  codec.Codec
}

// Wire makes the module.
func Wire(in Wired) appmodule.AppModule {
	return Module{keeper: NewKeeper(in.Stores, in.Codec)}
}

// Module has the chain know providers.
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
func (Module) RegisterLegacyAminoCodec(*codec.LegacyAmino) {}

// RegisterInterfaces tells the chain of the messages.
func (Module) RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil), &MsgCreateProvider{}, &MsgDeleteProvider{}, &MsgSetStatus{})
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

// mostReason is what a reason may have, where the genesis says nothing else.
const mostReason = 256

// DefaultGenesis has no provider.
func (Module) DefaultGenesis(codec codec.JSONCodec) json.RawMessage {
	return codec.MustMarshalJSON(&GenesisState{Params: Params{MaxReason: mostReason}})
}

// ValidateGenesis looks whether it is one.
func (Module) ValidateGenesis(codec codec.JSONCodec, _ client.TxEncodingConfig, content json.RawMessage) error {
	return codec.UnmarshalJSON(content, &GenesisState{})
}

// InitGenesis takes the providers over.
func (m Module) InitGenesis(ctx sdk.Context, codec codec.JSONCodec, content json.RawMessage) {
	var state GenesisState
	codec.MustUnmarshalJSON(content, &state)
	if err := m.keeper.params.Set(ctx, state.Params); err != nil {
		panic(err)
	}
	for _, each := range state.Providers {
		if err := m.keeper.providers.Set(ctx, sdk.MustAccAddressFromBech32(each.Owner), each); err != nil {
			panic(err)
		}
	}
}

// ExportGenesis gives them.
func (m Module) ExportGenesis(ctx sdk.Context, codec codec.JSONCodec) json.RawMessage {
	params, err := m.keeper.params.Get(ctx)
	if err != nil {
		panic(err)
	}
	state := GenesisState{Params: params}
	if err := m.keeper.providers.Walk(ctx, nil, func(_ sdk.AccAddress, each Provider) (bool, error) {
		state.Providers = append(state.Providers, each)
		return false, nil
	}); err != nil {
		panic(err)
	}
	return codec.MustMarshalJSON(&state)
}

// AutoCLIOptions are the commands that are generated.
func (Module) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service: _Query_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{{
				RpcMethod: "Info", Use: "info [provider]", Short: "Query a provider",
				PositionalArgs: []*autocliv1.PositionalArgDescriptor{{ProtoField: "provider"}},
			}},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: _Msg_serviceDesc.ServiceName, EnhanceCustomCommand: true,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				{
					RpcMethod: "CreateProvider", Use: "create [host-uri]", Short: "Be a provider",
					PositionalArgs: []*autocliv1.PositionalArgDescriptor{{ProtoField: "host_uri"}},
				},
				{RpcMethod: "DeleteProvider", Use: "delete", Short: "Be a provider no longer"},
				{RpcMethod: "SetStatus", Skip: true},
			},
		},
	}
}

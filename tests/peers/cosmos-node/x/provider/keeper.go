// Package provider is the chain's list of providers, and whether each takes new work.
package provider

import (
	"context"
	"errors"
	"strings"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/store"
	errorsmod "cosmossdk.io/errors"

	sdkcodec "github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
)

// ModuleName names the module and its store.
const ModuleName = "provider"

// What the module refuses.
var (
	ErrNotFound = errorsmod.Register(ModuleName, 2, "provider not found")
	ErrExists   = errorsmod.Register(ModuleName, 3, "provider exists already")
	ErrStatus   = errorsmod.Register(ModuleName, 4, "invalid provider status")
)

// Keeper has the providers by their owners' addresses.
type Keeper struct {
	schema    collections.Schema
	params    collections.Item[Params]
	providers collections.Map[sdk.AccAddress, Provider]
}

// NewKeeper is the keeper over the module's store.
func NewKeeper(stores store.KVStoreService, codec sdkcodec.BinaryCodec) Keeper {
	building := collections.NewSchemaBuilder(stores)
	providers := collections.NewMap(
		building, collections.NewPrefix(0), "providers", sdk.AccAddressKey, sdkcodec.CollValue[Provider](codec))
	// Not in the genesis for its own sake alone: over goleveldb a store without any entry cannot be queried.
	params := collections.NewItem(building, collections.NewPrefix(1), "params", sdkcodec.CollValue[Params](codec))
	schema, err := building.Build()
	if err != nil {
		panic(err)
	}
	return Keeper{schema: schema, params: params, providers: providers}
}

// CreateProvider has the sender be a provider, which is active.
func (k Keeper) CreateProvider(ctx context.Context, msg *MsgCreateProvider) (*MsgCreateProviderResponse, error) {
	owner, err := sdk.AccAddressFromBech32(msg.Owner)
	if err != nil {
		return nil, err
	}
	if there, err := k.providers.Has(ctx, owner); err != nil || there {
		return nil, errors.Join(err, errorsmod.Wrap(ErrExists, msg.Owner))
	}
	return &MsgCreateProviderResponse{}, k.providers.Set(ctx, owner, Provider{
		Owner: msg.Owner, HostUri: msg.HostUri, Status: PROVIDER_STATUS_ACTIVE, StatusHeight: height(ctx),
	})
}

// DeleteProvider has the sender be none any more.
func (k Keeper) DeleteProvider(ctx context.Context, msg *MsgDeleteProvider) (*MsgDeleteProviderResponse, error) {
	owner, _, err := k.found(ctx, msg.Owner)
	if err != nil {
		return nil, err
	}
	return &MsgDeleteProviderResponse{}, k.providers.Remove(ctx, owner)
}

// SetStatus pauses a provider, for a reason, or lets it take work again.
func (k Keeper) SetStatus(ctx context.Context, msg *MsgSetStatus) (*MsgSetStatusResponse, error) {
	owner, provider, err := k.found(ctx, msg.Provider)
	if err != nil {
		return nil, err
	}
	params, err := k.params.Get(ctx)
	if err != nil {
		return nil, err
	}
	reason := strings.TrimSpace(msg.Reason)
	switch {
	case msg.Status != PROVIDER_STATUS_ACTIVE && msg.Status != PROVIDER_STATUS_PAUSED:
		return nil, errorsmod.Wrap(ErrStatus, msg.Status.String())
	case msg.Status == PROVIDER_STATUS_PAUSED && reason == "":
		return nil, errorsmod.Wrap(ErrStatus, "a pause needs a reason")
	case len(reason) > int(params.MaxReason):
		return nil, errorsmod.Wrapf(sdkerrors.ErrInvalidRequest, "a reason has at most %d bytes", params.MaxReason)
	}
	provider.Status, provider.Reason, provider.StatusHeight = msg.Status, reason, height(ctx)
	if msg.Status == PROVIDER_STATUS_ACTIVE {
		provider.Reason = ""
	}
	if err := k.providers.Set(ctx, owner, provider); err != nil {
		return nil, err
	}
	sdk.UnwrapSDKContext(ctx).EventManager().EmitEvent(sdk.NewEvent("provider_status",
		sdk.NewAttribute("provider", msg.Provider), sdk.NewAttribute("status", msg.Status.String())))
	return &MsgSetStatusResponse{}, nil
}

// Info tells of one provider.
func (k Keeper) Info(ctx context.Context, asked *QueryInfoRequest) (*QueryInfoResponse, error) {
	_, provider, err := k.found(ctx, asked.Provider)
	if err != nil {
		return nil, err
	}
	return &QueryInfoResponse{Provider: provider}, nil
}

func (k Keeper) found(ctx context.Context, address string) (sdk.AccAddress, Provider, error) {
	owner, err := sdk.AccAddressFromBech32(address)
	if err != nil {
		return nil, Provider{}, err
	}
	provider, err := k.providers.Get(ctx, owner)
	if errors.Is(err, collections.ErrNotFound) {
		err = errorsmod.Wrap(ErrNotFound, address)
	}
	return owner, provider, err
}

func height(ctx context.Context) int64 { return sdk.UnwrapSDKContext(ctx).BlockHeight() }

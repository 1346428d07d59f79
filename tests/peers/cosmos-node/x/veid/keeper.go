// Package veid is the model that the chain's validators score with: which counts from which height, and who has it.
package veid

import (
	"context"
	"errors"
	"regexp"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/store"
	errorsmod "cosmossdk.io/errors"

	sdkcodec "github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"github.com/cosmos/cosmos-sdk/types/query"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// ModuleName names the module and its store.
const ModuleName = "veid"

var wholeHash = regexp.MustCompile("^sha256:[0-9a-f]{64}$")

// What the module refuses.
var (
	ErrModel     = errorsmod.Register(ModuleName, 2, "invalid model")
	ErrHeight    = errorsmod.Register(ModuleName, 3, "effective height is in the past")
	ErrUnknown   = errorsmod.Register(ModuleName, 4, "unknown model")
	ErrValidator = errorsmod.Register(ModuleName, 5, "not a bonded validator")
)

// Staking says who is a validator.
type Staking interface {
	GetValidator(ctx context.Context, address sdk.ValAddress) (stakingtypes.Validator, error)
}

// Keeper has the model in force, the next one, and who confirmed which.
type Keeper struct {
	schema        collections.Schema
	active        collections.Item[Model]
	pending       collections.Item[Model]
	confirmations collections.Map[collections.Pair[string, sdk.ValAddress], Confirmation]
	staking       Staking
	authority     string
}

// NewKeeper is the keeper over the module's store; the authority is the account that may change the model.
func NewKeeper(stores store.KVStoreService, codec sdkcodec.BinaryCodec, staking Staking, authority string) Keeper {
	building := collections.NewSchemaBuilder(stores)
	keys := collections.PairKeyCodec(collections.StringKey, sdk.ValAddressKey)
	keeper := Keeper{
		active:  collections.NewItem(building, collections.NewPrefix(0), "active", sdkcodec.CollValue[Model](codec)),
		pending: collections.NewItem(building, collections.NewPrefix(1), "pending", sdkcodec.CollValue[Model](codec)),
		confirmations: collections.NewMap(
			building, collections.NewPrefix(2), "confirmations", keys, sdkcodec.CollValue[Confirmation](codec)),
		staking:   staking,
		authority: authority,
	}
	schema, err := building.Build()
	if err != nil {
		panic(err)
	}
	keeper.schema = schema
	return keeper
}

// UpdateModel has another model in force from a height on. One that was decided before and is not in force yet is
// replaced by it.
func (k Keeper) UpdateModel(ctx context.Context, msg *MsgUpdateModel) (*MsgUpdateModelResponse, error) {
	switch now := height(ctx); {
	case msg.Authority != k.authority:
		return nil, errorsmod.Wrapf(govtypes.ErrInvalidSigner, "expected %s, got %s", k.authority, msg.Authority)
	case msg.ModelVersion == "" || !wholeHash.MatchString(msg.ModelHash):
		return nil, errorsmod.Wrapf(ErrModel, "%q %q", msg.ModelVersion, msg.ModelHash)
	case msg.EffectiveHeight <= now:
		return nil, errorsmod.Wrapf(ErrHeight, "%d at height %d", msg.EffectiveHeight, now)
	}
	return &MsgUpdateModelResponse{}, k.pending.Set(ctx, Model{
		ModelVersion: msg.ModelVersion, ModelHash: msg.ModelHash,
		EffectiveHeight: msg.EffectiveHeight, ModelUrl: msg.ModelUrl,
	})
}

// ConfirmModel notes that a validator has the model in force, or the next one, with just those bytes.
func (k Keeper) ConfirmModel(ctx context.Context, msg *MsgConfirmModel) (*MsgConfirmModelResponse, error) {
	account, err := sdk.AccAddressFromBech32(msg.Validator)
	if err != nil {
		return nil, err
	}
	operator := sdk.ValAddress(account)
	if validator, err := k.staking.GetValidator(ctx, operator); err != nil || !validator.IsBonded() {
		return nil, errorsmod.Wrap(ErrValidator, operator.String())
	}
	status, err := k.ModelStatus(ctx, nil)
	if err != nil {
		return nil, err
	}
	said := func(model *Model) bool {
		return model != nil && model.ModelVersion == msg.ModelVersion && model.ModelHash == msg.ModelHash
	}
	if !said(&status.Active) && !said(status.Pending) {
		return nil, errorsmod.Wrapf(ErrUnknown, "%s %s", msg.ModelVersion, msg.ModelHash)
	}
	return &MsgConfirmModelResponse{}, k.confirmations.Set(ctx, collections.Join(msg.ModelVersion, operator), Confirmation{
		Validator: operator.String(), ModelVersion: msg.ModelVersion, ModelHash: msg.ModelHash, Height: height(ctx),
	})
}

// ModelStatus tells the model in force, and the next one where one is decided.
func (k Keeper) ModelStatus(ctx context.Context, _ *QueryModelStatusRequest) (*QueryModelStatusResponse, error) {
	active, err := k.active.Get(ctx)
	if err != nil {
		return nil, err
	}
	pending, err := k.pending.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return &QueryModelStatusResponse{Active: active}, nil
	}
	return &QueryModelStatusResponse{Active: active, Pending: &pending}, err
}

// Confirmations tells who has a model.
func (k Keeper) Confirmations(
	ctx context.Context, asked *QueryConfirmationsRequest,
) (*QueryConfirmationsResponse, error) {
	if asked.ModelVersion == "" {
		return nil, errorsmod.Wrap(sdkerrors.ErrInvalidRequest, "which version of the model?")
	}
	found, page, err := query.CollectionPaginate(ctx, k.confirmations, asked.Pagination,
		func(_ collections.Pair[string, sdk.ValAddress], each Confirmation) (Confirmation, error) {
			return each, nil
		},
		query.WithCollectionPaginationPairPrefix[string, sdk.ValAddress](asked.ModelVersion))
	return &QueryConfirmationsResponse{Confirmations: found, Pagination: page}, err
}

// takeUp puts the next model in force when its height has come.
func (k Keeper) takeUp(ctx context.Context) error {
	pending, err := k.pending.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil || height(ctx) < pending.EffectiveHeight {
		return err
	}
	if err := k.active.Set(ctx, pending); err != nil {
		return err
	}
	return k.pending.Remove(ctx)
}

func height(ctx context.Context) int64 { return sdk.UnwrapSDKContext(ctx).BlockHeight() }

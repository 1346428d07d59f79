package main

import (
	"context"
	"fmt"
	"io"

	"cosmossdk.io/depinject"
	"cosmossdk.io/log"
	storetypes "cosmossdk.io/store/types"
	upgradekeeper "cosmossdk.io/x/upgrade/keeper"
	upgradetypes "cosmossdk.io/x/upgrade/types"
	dbm "github.com/cosmos/cosmos-db"

	"github.com/cosmos/cosmos-sdk/runtime"
	"github.com/cosmos/cosmos-sdk/server"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types/v1beta1"
)

// newChain is the application over its database; it panics where that cannot be, as every chain's does.
func newChain(logger log.Logger, db dbm.DB, trace io.Writer, options servertypes.AppOptions) servertypes.Application {
	var builder *runtime.AppBuilder
	var upgrades *upgradekeeper.Keeper
	if err := depinject.Inject(
		depinject.Configs(wiring(), depinject.Supply(options, logger)), &builder, &upgrades,
	); err != nil {
		panic(err)
	}
	app := builder.Build(db, trace, server.DefaultBaseappOptions(options)...)
	if plan != "" {
		handle(app, upgrades)
	}
	if err := app.Load(true); err != nil {
		panic(err)
	}
	return app
}

// handle has the chain carry out the plan of this build: its migrations, and the store that it adds.
func handle(app *runtime.App, upgrades *upgradekeeper.Keeper) {
	upgrades.SetUpgradeHandler(plan,
		func(ctx context.Context, _ upgradetypes.Plan, from module.VersionMap) (module.VersionMap, error) {
			return app.ModuleManager.RunMigrations(ctx, app.Configurator(), from)
		})
	halted, err := upgrades.ReadUpgradeInfoFromDisk()
	if err != nil {
		panic(err)
	}
	if halted.Name == plan && !upgrades.IsSkipHeight(halted.Height) {
		added := &storetypes.StoreUpgrades{Added: []string{addedModule}}
		app.SetStoreLoader(upgradetypes.UpgradeStoreLoader(halted.Height, added))
	}
}

// OlderContent lets upgrades be proposed as gov v1beta1 content, too, as chains did for years.
func OlderContent(upgrades *upgradekeeper.Keeper) govtypes.HandlerRoute {
	return govtypes.HandlerRoute{
		RouteKey: upgradetypes.RouterKey,
		Handler: func(ctx sdk.Context, content govtypes.Content) error {
			switch proposed := content.(type) {
			case *upgradetypes.SoftwareUpgradeProposal:
				return upgrades.ScheduleUpgrade(ctx, proposed.Plan)
			case *upgradetypes.CancelSoftwareUpgradeProposal:
				return upgrades.ClearUpgradePlan(ctx)
			}
			return fmt.Errorf("%T is no upgrade", content)
		},
	}
}

package main

import (
	runtimev1alpha1 "cosmossdk.io/api/cosmos/app/runtime/v1alpha1"
	appv1alpha1 "cosmossdk.io/api/cosmos/app/v1alpha1"
	authmodulev1 "cosmossdk.io/api/cosmos/auth/module/v1"
	bankmodulev1 "cosmossdk.io/api/cosmos/bank/module/v1"
	consensusmodulev1 "cosmossdk.io/api/cosmos/consensus/module/v1"
	distrmodulev1 "cosmossdk.io/api/cosmos/distribution/module/v1"
	epochsmodulev1 "cosmossdk.io/api/cosmos/epochs/module/v1"
	genutilmodulev1 "cosmossdk.io/api/cosmos/genutil/module/v1"
	govmodulev1 "cosmossdk.io/api/cosmos/gov/module/v1"
	slashingmodulev1 "cosmossdk.io/api/cosmos/slashing/module/v1"
	stakingmodulev1 "cosmossdk.io/api/cosmos/staking/module/v1"
	txconfigv1 "cosmossdk.io/api/cosmos/tx/config/v1"
	upgrademodulev1 "cosmossdk.io/api/cosmos/upgrade/module/v1"
	"cosmossdk.io/core/appconfig"
	"cosmossdk.io/depinject"
	upgradetypes "cosmossdk.io/x/upgrade/types"

	"github.com/cosmos/cosmos-sdk/types/module"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	epochstypes "github.com/cosmos/cosmos-sdk/x/epochs/types"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"upgrade-console/peers/cosmos-node/x/provider"
	providermodulev1 "upgrade-console/peers/cosmos-node/x/provider/modulev1"
	"upgrade-console/peers/cosmos-node/x/veid"
	veidmodulev1 "upgrade-console/peers/cosmos-node/x/veid/modulev1"

	// Each registers its module for the wiring below.
	_ "cosmossdk.io/x/upgrade"
	_ "github.com/cosmos/cosmos-sdk/runtime"
	_ "github.com/cosmos/cosmos-sdk/x/auth"
	_ "github.com/cosmos/cosmos-sdk/x/auth/tx/config"
	_ "github.com/cosmos/cosmos-sdk/x/bank"
	_ "github.com/cosmos/cosmos-sdk/x/consensus"
	_ "github.com/cosmos/cosmos-sdk/x/distribution"
	_ "github.com/cosmos/cosmos-sdk/x/epochs"
	_ "github.com/cosmos/cosmos-sdk/x/gov"
	_ "github.com/cosmos/cosmos-sdk/x/slashing"
	_ "github.com/cosmos/cosmos-sdk/x/staking"
)

// addedModule is what the upgrade adds: a store of its own, which the new binary alone knows.
const addedModule = epochstypes.ModuleName

// wiring says which modules the chain is made of, and in which order they take their turns.
func wiring() depinject.Config {
	beginBlockers := []string{
		distrtypes.ModuleName, slashingtypes.ModuleName, stakingtypes.ModuleName, veid.ModuleName,
	}
	// Accounts and coins come first, and genesis transactions last, since they create the validators.
	genesis := []string{
		consensustypes.ModuleName, authtypes.ModuleName, banktypes.ModuleName, distrtypes.ModuleName,
		stakingtypes.ModuleName, slashingtypes.ModuleName, govtypes.ModuleName, upgradetypes.ModuleName,
		provider.ModuleName, veid.ModuleName,
	}
	modules := []*appv1alpha1.ModuleConfig{
		{Name: authtypes.ModuleName, Config: appconfig.WrapAny(&authmodulev1.Module{
			Bech32Prefix: addressPrefix,
			ModuleAccountPermissions: []*authmodulev1.ModuleAccountPermission{
				{Account: authtypes.FeeCollectorName},
				{Account: distrtypes.ModuleName},
				{Account: stakingtypes.BondedPoolName, Permissions: []string{authtypes.Burner, stakingtypes.ModuleName}},
				{Account: stakingtypes.NotBondedPoolName, Permissions: []string{authtypes.Burner, stakingtypes.ModuleName}},
				{Account: govtypes.ModuleName, Permissions: []string{authtypes.Burner}},
			},
		})},
		{Name: banktypes.ModuleName, Config: appconfig.WrapAny(&bankmodulev1.Module{})},
		{Name: stakingtypes.ModuleName, Config: appconfig.WrapAny(&stakingmodulev1.Module{})},
		{Name: slashingtypes.ModuleName, Config: appconfig.WrapAny(&slashingmodulev1.Module{})},
		{Name: distrtypes.ModuleName, Config: appconfig.WrapAny(&distrmodulev1.Module{})},
		{Name: govtypes.ModuleName, Config: appconfig.WrapAny(&govmodulev1.Module{})},
		{Name: upgradetypes.ModuleName, Config: appconfig.WrapAny(&upgrademodulev1.Module{})},
		{Name: consensustypes.ModuleName, Config: appconfig.WrapAny(&consensusmodulev1.Module{})},
		{Name: genutiltypes.ModuleName, Config: appconfig.WrapAny(&genutilmodulev1.Module{})},
		{Name: provider.ModuleName, Config: appconfig.WrapAny(&providermodulev1.Module{})},
		{Name: veid.ModuleName, Config: appconfig.WrapAny(&veidmodulev1.Module{})},
		{Name: "tx", Config: appconfig.WrapAny(&txconfigv1.Config{})},
	}
	if plan != "" {
		beginBlockers = append(beginBlockers, addedModule)
		genesis = append(genesis, addedModule)
		modules = append(modules, &appv1alpha1.ModuleConfig{
			Name: addedModule, Config: appconfig.WrapAny(&epochsmodulev1.Module{}),
		})
	}
	modules = append(modules, &appv1alpha1.ModuleConfig{Name: "runtime", Config: appconfig.WrapAny(&runtimev1alpha1.Module{
		AppName:           appName,
		PreBlockers:       []string{upgradetypes.ModuleName, authtypes.ModuleName},
		BeginBlockers:     beginBlockers,
		EndBlockers:       []string{govtypes.ModuleName, stakingtypes.ModuleName},
		InitGenesis:       append(genesis, genutiltypes.ModuleName),
		OverrideStoreKeys: []*runtimev1alpha1.StoreKeyConfig{{ModuleName: authtypes.ModuleName, KvStoreKey: "acc"}},
	})})
	return depinject.Configs(
		appconfig.Compose(&appv1alpha1.Config{Modules: modules}),
		depinject.Supply(map[string]module.AppModuleBasic{
			genutiltypes.ModuleName: genutil.NewAppModuleBasic(genutiltypes.DefaultMessageValidator),
		}),
		depinject.Provide(OlderContent),
	)
}

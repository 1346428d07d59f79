#!/bin/sh
# Writes the Go of proto/ anew, which is committed, so that `make peers` needs Go alone. Needs `protoc`, as
# `pip install grpcio-tools` has it (PROTOC="python -m grpc_tools.protoc"). Run it in this folder after a change.
set -eu
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
version() { go list -m -f '{{.Version}}' "$1"; }
GOBIN=$tools go install "github.com/cosmos/gogoproto/protoc-gen-gocosmos@$(version github.com/cosmos/gogoproto)"
GOBIN=$tools go install "google.golang.org/protobuf/cmd/protoc-gen-go@$(version google.golang.org/protobuf)"
GOBIN=$tools go install "github.com/grpc-ecosystem/grpc-gateway/protoc-gen-grpc-gateway@v1.16.0"
PATH=$tools:$PATH
folder() { go list -m -f '{{.Dir}}' "$1"; }
include="-I proto -I $(folder github.com/cosmos/cosmos-sdk)/proto -I $(folder github.com/cosmos/cosmos-proto)/proto"
include="$include -I $(folder github.com/cosmos/gogoproto) -I $(folder github.com/grpc-ecosystem/grpc-gateway)/third_party/googleapis"
wrote=$(mktemp -d -p .)
any=Mgoogle/protobuf/any.proto=github.com/cosmos/gogoproto/types/any
for module in provider veid; do
    ${PROTOC:-protoc} $include --gocosmos_out="plugins=grpc,$any:$wrote" --grpc-gateway_out="logtostderr=true,$any:$wrote" \
        "virtengine/$module/v1/$module.proto"
    ${PROTOC:-protoc} $include --go_out="Mcosmos/app/v1alpha1/module.proto=cosmossdk.io/api/cosmos/app/v1alpha1:$wrote" \
        "virtengine/$module/module/v1/module.proto"
done
cp -r "$wrote/upgrade-console/peers/cosmos-node/x/." x/
rm -rf "$wrote"
gofmt -w x

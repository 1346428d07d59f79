// Compiles contracts/*.sol to console/chain/contracts/<Name>.json. Deterministic: the same sources give the same bytes.
//
//   node contracts/compile.mjs [--out DIR]
//
// Needs `npm ci` in contracts/ once; the compiler is pinned there. Settings: facts/evm.md §2 and §4.1.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PINNED = "0.8.37";
const here = dirname(fileURLToPath(import.meta.url));
const solc = createRequire(import.meta.url)("solc");
const args = process.argv.slice(2);
const out = args[0] === "--out" ? args[1] : join(here, "..", "console", "chain", "contracts");

// Interfaces have no bytecode; these have.
const deployable = [
  "DiamondCutFacet",
  "DiamondLoupeFacet",
  "GatewayDiamond",
  "GatewayGetterFacet",
  "GatewayGetterFacetV2",
  "GatewayMembershipFacet",
  "GatewayPowerSource",
  "OwnershipFacet",
  "RegistryExtension",
  "StaticPowerSource",
  "SubnetActorPowerSource",
  "UpgradeRegistry",
];

// paris: no PUSH0, so the code runs on every FEVM. No metadata: bytecode depends on the code alone.
const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "paris",
  viaIR: true,
  metadata: { bytecodeHash: "none", appendCBOR: false },
};

if (!solc.version().startsWith(`${PINNED}+`)) {
  console.error(`The compiler is ${solc.version()}, but ${PINNED} is pinned: run npm ci in contracts/.`);
  process.exit(1);
}

// The registry is two contracts behind one address: its artefact has the interface of both.
const halves = { UpgradeRegistry: "RegistryExtension" };
const interfaces = { UpgradeRegistry: "IUpgradeRegistry" };

const files = readdirSync(here).filter((name) => name.endsWith(".sol")).sort();
const text = Object.fromEntries(files.map((name) => [name, readFileSync(join(here, name), "utf8")]));
const outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "storageLayout", "metadata"];
// Libraries come from node_modules, pinned by the lockfile; what is used of them is recorded beside our own sources.
const library = (path) => {
  text[path] = readFileSync(join(here, "node_modules", path), "utf8");
  return { contents: text[path] };
};
const result = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources: Object.fromEntries(files.map((name) => [name, { content: text[name] }])),
      settings: { ...settings, outputSelection: { "*": { "*": outputs } } },
    }),
    { import: library },
  ),
);

// Warnings about a library's own text are the library's.
const complaints = (result.errors ?? []).filter(
  ({ severity, sourceLocation }) => severity === "error" || !sourceLocation?.file.startsWith("@"),
);
for (const complaint of complaints) console.error(complaint.formattedMessage);
if (complaints.length > 0) process.exit(1);

// Compiler-internal numbers in storage type names change with unrelated code; they say nothing about the layout.
const stable = (value) =>
  JSON.parse(JSON.stringify(value).replace(/(t_(?:struct|enum|contract)\([A-Za-z0-9_$]+\))\d+/g, "$1"), (key, inner) =>
    inner !== null && typeof inner === "object" && "astId" in inner ? (({ astId, ...rest }) => rest)(inner) : inner,
  );

const compiled = (name) => result.contracts[`${name}.sol`][name];
const sourcesOf = (name) => Object.keys(JSON.parse(compiled(name).metadata).sources);
const canonical = ({ type, components }) =>
  components ? `(${components.map(canonical).join(",")})${type.slice("tuple".length)}` : type;
const signature = ({ type, name, inputs }) => `${type} ${name}(${(inputs ?? []).map(canonical).join(",")})`;
const shape = (entry) => `${signature(entry)} ${(entry.outputs ?? []).map(canonical).join(",")} ${entry.stateMutability}`;

/// The ABI of a contract and of its second half, each entry once.
const union = (name) => {
  const abi = [...compiled(name).abi];
  const known = new Set(abi.map(signature));
  for (const entry of compiled(halves[name]).abi) {
    if (entry.type !== "constructor" && !known.has(signature(entry))) abi.push(entry);
  }
  const offered = new Set(abi.map(shape));
  const missing = compiled(interfaces[name]).abi.filter((entry) => !offered.has(shape(entry)));
  if (missing.length > 0) {
    console.error(`${name} does not keep its interface: ${missing.map(signature).join(", ")}`);
    process.exit(1);
  }
  return abi;
};

mkdirSync(out, { recursive: true });
for (const name of deployable) {
  const contract = compiled(name);
  const used = [...new Set([name, halves[name]].filter(Boolean).flatMap(sourcesOf))].sort();
  const artefact = {
    contractName: name,
    abi: name in halves ? union(name) : contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
    storageLayout: stable(contract.storageLayout),
    compiler: solc.version(),
    settings,
    sources: Object.fromEntries(used.map((file) => [file, createHash("sha256").update(text[file]).digest("hex")])),
  };
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(artefact, null, 2)}\n`);
  console.log(`${name}: ${contract.evm.deployedBytecode.object.length / 2} bytes of code`);
}

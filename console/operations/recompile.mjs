// Compiles every Solidity file under a folder with the folder's own npm solc, and prints the contracts as JSON.
//
//   node recompile.mjs FOLDER SETTINGS
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";

const [folder, settings] = [resolve(process.argv[2]), JSON.parse(process.argv[3])];
const solc = createRequire(join(folder, "package.json"))("solc");

const sources = {};
const walk = (place) => {
  for (const entry of readdirSync(place, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name.startsWith(".")) continue;
    const path = join(place, entry.name);
    if (entry.isDirectory()) walk(path);
    else if (entry.isFile() && entry.name.endsWith(".sol") && !entry.name.endsWith(".t.sol")) {
      sources[relative(folder, path)] = { content: readFileSync(path, "utf8") };
    }
  }
};
walk(folder);

const library = (path) => {
  const found = [join(folder, "node_modules", path), join(folder, path)].find((place) => existsSync(place));
  return found ? { contents: readFileSync(found, "utf8") } : { error: "not found" };
};
const outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"];
const input = { language: "Solidity", sources, settings: { ...settings, outputSelection: { "*": { "*": outputs } } } };
const result = JSON.parse(solc.compile(JSON.stringify(input), { import: library }));
const errors = (result.errors ?? []).filter(({ severity }) => severity === "error");
if (errors.length > 0) {
  console.error(errors[0].formattedMessage.split("\n")[0]);
  process.exit(1);
}
const contracts = Object.entries(result.contracts).flatMap(([file, found]) =>
  Object.entries(found)
    .filter(([, contract]) => contract.evm.deployedBytecode.object.length > 0)
    .map(([contractName, contract]) => ({ contractName, file, ...contract })),
);
process.stdout.write(JSON.stringify({ compiler: solc.version(), contracts }));

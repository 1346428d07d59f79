// Runs the tests with forge's coverage and fails when lines or branches of our contracts are covered less than LEAST.
//
//   node contracts/coverage.mjs [path that an earlier run left]
//
// Counts only sources in this folder: not the tests, and nothing of node_modules.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const LEAST = 95;
const here = dirname(fileURLToPath(import.meta.url));
const given = process.argv[2];
const report = given ?? join(here, "out", "lcov.info");

if (!given) {
  // Gas is not measured on code that is instrumented, and what chance finds is not counted. Fuzzing has been done by
  // forge test; here it only has to pass by.
  const args = ["coverage", "--ir-minimum", "--report", "lcov", "--report-file", report, "--no-match-contract", "Gas|Invariants"];
  const few = { CONTRACTS_FROM_SOURCE: "true", FOUNDRY_FUZZ_RUNS: "32", FOUNDRY_INVARIANT_RUNS: "4" };
  const run = spawnSync(join(here, "node_modules", ".bin", "forge"), args, {
    cwd: here,
    env: { ...process.env, ...few },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0 || !existsSync(report)) {
    console.error(run.stdout, run.stderr);
    console.error("forge coverage failed.");
    process.exit(1);
  }
}

// lcov: SF:file, then LF/LH lines found and hit, BRF/BRH branches found and hit; DA and BRDA name them one by one.
const files = [];
for (const line of readFileSync(report, "utf8").split("\n")) {
  const [key, rest] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)];
  const now = files.at(-1);
  if (key === "SF") files.push({ name: rest, LF: 0, LH: 0, BRF: 0, BRH: 0, lines: [], branches: new Set() });
  else if (["LF", "LH", "BRF", "BRH"].includes(key)) now[key] = Number(rest);
  else if (key === "DA" && rest.endsWith(",0")) now.lines.push(rest.split(",")[0]);
  else if (key === "BRDA" && /,(?:0|-)$/.test(rest)) now.branches.add(rest.split(",")[0]);
}

const ours = files.filter(({ name }) => !name.includes("/")).sort((a, b) => (a.name < b.name ? -1 : 1));
const share = (hit, found) => (found === 0 ? 100 : (100 * hit) / found);
const row = (name, { LF, LH, BRF, BRH }) =>
  `${name.padEnd(28)} lines ${share(LH, LF).toFixed(1).padStart(5)} % (${LH} of ${LF})`.padEnd(62) +
  ` branches ${share(BRH, BRF).toFixed(1).padStart(5)} % (${BRH} of ${BRF})`;

const total = { LF: 0, LH: 0, BRF: 0, BRH: 0 };
for (const file of ours) {
  for (const key of Object.keys(total)) total[key] += file[key];
  console.log(row(file.name, file));
  if (file.lines.length > 0) console.log(`  lines never run: ${file.lines.join(" ")}`);
  if (file.branches.size > 0) console.log(`  branches never taken, at lines: ${[...file.branches].join(" ")}`);
}
console.log(row("All", total));

const [lines, branches] = [share(total.LH, total.LF), share(total.BRH, total.BRF)];
if (ours.length === 0 || lines < LEAST || branches < LEAST) {
  console.error(`Lines or branches are covered less than ${LEAST} %.`);
  process.exit(1);
}

// Hostile and honest apps in one process under load for some minutes; at the end the process must cost what it did at the
// beginning, and the honest app must have answered every request. See README.md in this folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Failure, Fleet, benchDir, cpuSeconds, figure, launch, logTail, machine, program, table, told, version } from "./lib.mjs";
import { ATTACKS } from "./hostile/attacks.mjs";
import { Site } from "./hostile/site.mjs";

/** Attacks that go on next to each other: those that need no client of a special kind, nor lose isolates on purpose. */
const NAMES = [
  "endless loop", "catch and finally swallow", "microtask storm", "timer storm, 1,000 rearming", "message port ping-pong",
  "sort of 5e6 with comparator", "regex backtracking", "WebAssembly loop", "endless loop at start-up", "loop in waitUntil",
  "stream that computes between chunks", "loop in an abort listener", "array growth", "string growth",
  "ArrayBuffers kept", "structuredClone wide", "decompression bomb", "a million timers", "tee with one side unread",
  "clients that leave at once",
];
const LIMITS = { cpu_ms: 100, timeout_ms: 2000, memory_mb: 32, idle_ms: 500, max_queue: 100 };
const CLIENTS_EACH = 2;
const PAUSE_MS = 100;
const WARM_MS = 15_000;
/** Threads that were lent out end after ten idle seconds; memory goes back before. */
const SETTLE_MS = 15_000;
/** The honest app's heap grows under load, and arenas of the C library keep some pages each: that much is no leak, which
 * would show as more in five minutes. */
const RSS_GROWTH_MAX = 0.1;
const RSS_KEPT_MIB = 20;
const DESCRIPTORS_MORE_MAX = 5;

function readOptions() {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "5" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Failure("--minutes must be a number above 0");
  return { ...values, minutes };
}

function hostileApp(attack, index) {
  const module = attack.module ?? `export default { async fetch(request, env, ctx) { ${attack.run} } };\n`;
  return { name: `hostile-${index}`, files: { "index.mjs": module }, settings: LIMITS };
}

async function attack(site, attacks, durationMs) {
  const answers = {};
  const untilMs = performance.now() + durationMs;
  await Promise.all(attacks.flatMap((one, index) => Array.from({ length: CLIENTS_EACH }, async () => {
    while (performance.now() < untilMs && site.alive) {
      const { answer } = await site.ask(`hostile-${index}`, one);
      const key = `${one.name}: ${answer}`;
      answers[key] = (answers[key] ?? 0) + 1;
      await delay(PAUSE_MS);
    }
  })));
  return answers;
}

async function measure(fleet, options) {
  const attacks = NAMES.map((name) => ATTACKS.find((one) => one.name === name) ?? fail(name));
  const site = await Site.open(fleet, "soak", attacks.map(hostileApp), { nanod: options.nanod });
  await delay(2000);
  const alone = await site.honest();
  // Every kind of end has happened before the first figure.
  await attack(site, attacks, WARM_MS);
  await delay(SETTLE_MS);
  const before = site.cost();
  const warmUp = await site.honest();
  const samples = [];
  const sampler = setInterval(() => site.alive && samples.push(site.cost()), 5000);
  const cpuBefore = cpuSeconds(site.server.pid);
  const answers = await attack(site, attacks, options.minutes * 60_000);
  clearInterval(sampler);
  if (!site.alive) throw new Failure(`nanod ended (${site.server.ended}):\n${logTail(site.server)}`);
  const cores = (cpuSeconds(site.server.pid) - cpuBefore) / (options.minutes * 60);
  const during = await site.honest();
  await delay(SETTLE_MS);
  const after = site.cost();
  const afterwards = await site.honest();
  await site.close();
  const result = { alone, warmUp, before, samples, answers, cores, during, after, afterwards };
  return { ...result, findings: judge(result) };
}

function fail(name) {
  throw new Failure(`there is no attack ${JSON.stringify(name)}`);
}

function judge({ before, after, warmUp, during, afterwards }) {
  const findings = [];
  for (const phase of [warmUp, during, afterwards]) {
    for (const [what, count] of Object.entries(phase.errors)) findings.push(`honest app: ${count} x ${what}`);
  }
  if (after.rss > before.rss * (1 + RSS_GROWTH_MAX) + RSS_KEPT_MIB) findings.push(`RSS ${figure(before.rss)} to ${figure(after.rss)} MiB`);
  if (after.threads > before.threads) findings.push(`threads ${before.threads} to ${after.threads}`);
  if (after.descriptors > before.descriptors + DESCRIPTORS_MORE_MAX) findings.push(`descriptors ${before.descriptors} to ${after.descriptors}`);
  return findings;
}

function report(r, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  const latency = ({ hello }) => `${figure(hello.p50Ms)} / ${figure(hello.p99Ms)} / ${figure(hello.maxMs)} ms of ${hello.count}`;
  const most = (key) => figure(r.samples.reduce((a, sample) => Math.max(a, sample[key]), 0));
  const rows = [
    ["honest app alone: p50 / p99 / max", latency(r.alone)],
    ["honest app under attack", latency(r.during)],
    ["its streams under attack: p99", `${figure(r.during.stream.p99Ms)} ms of ${r.during.stream.count}`],
    ["its errors", JSON.stringify(r.during.errors)],
    ["RSS before / most / after", `${figure(r.before.rss)} / ${most("rss")} / ${figure(r.after.rss)} MiB`],
    ["threads before / most / after", `${r.before.threads} / ${most("threads")} / ${r.after.threads}`],
    ["descriptors but for clients', before / most / after", `${r.before.descriptors} / ${most("descriptors")} / ${r.after.descriptors}`],
    ["cores used by nanod", figure(r.cores)],
    ["findings", r.findings.join("; ") || "none"],
  ];
  const answers = Object.entries(r.answers).map(([what, count]) => [what, String(count)]);
  return `# Soak: ${options.minutes} minutes, ${date}

NANO ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.
${NAMES.length} hostile apps with ${CLIENTS_EACH} clients each: cpu_ms ${LIMITS.cpu_ms}, timeout_ms ${LIMITS.timeout_ms}, memory_mb ${LIMITS.memory_mb}. The honest app gets 200 requests a second.

${table(["what", "figure"], rows)}

${table(["attack: answer", "times"], answers)}
`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const versionText = version(program("nano", options.nanod));
  const result = await Fleet.within(options.minutes * 60_000 + 300_000, (fleet) => measure(fleet, options));
  const text = report(result, options, date, versionText);
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, `${date}-soak.md`), text);
  writeFileSync(join(options.out, `${date}-soak.json`), `${JSON.stringify({ date, version: versionText, options: told(options), machine: machine(), ...result }, null, 2)}\n`);
  console.log(text);
  if (result.findings.length > 0) throw new Failure(result.findings.join("; "));
});

// A random walk over many more apps than there is memory for: every request goes to an app picked at random, so nearly
// every one starts an app and evicts another. No answer may be wrong, and the process stays within its memory budget.
// See README.md in this folder.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, get, launch, logTail, machine, memoryMiB, program, quantile,
  table, told, until, version, wholeNumbers,
} from "./lib.mjs";

const READY_LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 100;

function readOptions() {
  const { values } = parseArgs({
    options: {
      apps: { type: "string", default: "50000" },
      "budget-mb": { type: "string", default: "1536" },
      connections: { type: "string", default: "8" },
      seconds: { type: "string", default: "120" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values };
  wholeNumbers(options, ["apps", "budget-mb", "connections", "seconds"]);
  return options;
}

function writeApps(dir, count) {
  return Array.from({ length: count }, (_, index) => {
    const name = `app-${String(index).padStart(6, "0")}`;
    mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, name, "index.mjs"), `let asked = 0;
export default {
  fetch() {
    return new Response("${name} " + ++asked);
  },
};
`);
    return { name, hostname: `${name}.localhost`, path: `./${name}` };
  });
}

async function metric(port, name) {
  const { body } = await get(port, { path: "/metrics", timeoutMs: READY_LIMIT_MS });
  let sum = 0;
  for (const line of body.split("\n")) {
    if (line.startsWith(name) && /^[{ ]/.test(line.slice(name.length))) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

const residentMiB = (pid) => (Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * 4) / 1024;

async function measure(fleet, options) {
  const apps = writeApps(fleet.dir, options.apps);
  const ports = { http: await freePort(), admin: await freePort() };
  const config = {
    listen: `127.0.0.1:${ports.http}`,
    admin: { listen: `127.0.0.1:${ports.admin}` },
    memory_budget_mb: options["budget-mb"],
    // Nothing goes but for the budget.
    defaults: { idle_ms: 3_600_000 },
    apps,
  };
  writeFileSync(join(fleet.dir, "nano.json"), JSON.stringify(config));
  const server = fleet.start("nano", program("nano", options.nanod), ["serve", join(fleet.dir, "nano.json")]);
  await until(server, "200 from /ready", async () => {
    const { status } = await get(ports.admin, { path: "/ready", timeoutMs: READY_LIMIT_MS }).catch(() => ({}));
    return status === 200 ? true : undefined;
  });
  const readyMs = performance.now() - server.startedAt;
  const before = memoryMiB(server.pid);

  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const first = []; // Answers of a new isolate.
  const again = []; // Of one that was there already.
  const wrong = {};
  let most = 0;
  const looking = setInterval(() => (most = Math.max(most, residentMiB(server.pid))), LOOK_EVERY_MS);
  const cpuBefore = cpuSeconds(server.pid);
  const started = performance.now();
  const end = started + options.seconds * 1000;
  const visited = new Set();
  try {
    await Promise.all(Array.from({ length: options.connections }, async () => {
      while (performance.now() < end) {
        const app = apps[Math.floor(Math.random() * apps.length)];
        visited.add(app.name);
        const { status, body, ms } = await get(ports.http, { host: app.hostname, agent });
        const [name, asked] = body.split(" ");
        if (status !== 200 || name !== app.name) {
          const what = status === 200 ? "another app's answer" : String(status);
          wrong[what] = (wrong[what] ?? 0) + 1;
        } else {
          (asked === "1" ? first : again).push(ms);
        }
      }
    }));
  } finally {
    clearInterval(looking);
    agent.destroy();
  }
  const seconds = (performance.now() - started) / 1000;
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  const result = {
    readyMs, seconds, cpuSeconds: cpu, visited: visited.size, wrong,
    beforeMiB: before.rss, mostMiB: most, endMiB: residentMiB(server.pid),
    coldStarts: await metric(ports.admin, "nano_cold_starts_total"),
    evictions: await metric(ports.admin, "nano_evictions_total"),
    isolates: await metric(ports.admin, "nano_isolates"),
    first: times(first), again: times(again),
  };
  if (first.length === 0) throw new Failure(`no app answered\n${logTail(server)}`);
  return result;
}

const times = (list) => ({
  count: list.length,
  p50Ms: list.length ? quantile(list, 0.5) : NaN,
  p99Ms: list.length ? quantile(list, 0.99) : NaN,
  maxMs: list.reduce((most, ms) => Math.max(most, ms), 0),
});
const written = ({ count, p50Ms, p99Ms, maxMs }) => `${count}: ${figure(p50Ms)} / ${figure(p99Ms)} / ${figure(maxMs)} ms`;

function report(result, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  const rows = [
    ["process start to 200 from /ready", `${figure(result.readyMs)} ms`],
    ["RSS before any request / most / at the end", `${figure(result.beforeMiB)} / ${figure(result.mostMiB)} / ${figure(result.endMiB)} MiB`],
    ["answers of new isolates: p50 / p99 / longest", written(result.first)],
    ["answers of isolates that were there", written(result.again)],
    ["wrong answers", JSON.stringify(result.wrong)],
    ["apps asked", result.visited],
    ["cold starts, evictions, isolates at the end", `${result.coldStarts}, ${result.evictions}, ${result.isolates}`],
    ["CPU for each request", `${figure((result.cpuSeconds * 1000) / (result.first.count + result.again.count))} ms`],
  ];
  return `# Random walk over ${options.apps} apps in ${options["budget-mb"]} MiB, ${date}

NANO ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.
${options.connections} keep-alive connections ask apps at random for ${options.seconds} s, each as soon as it has its answer; clients on the same cores.

${table(["what", "figure"], rows)}
`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const versionText = version(program("nano", options.nanod));
  const limit = READY_LIMIT_MS + (options.seconds + 120) * 1000;
  const result = await Fleet.within(limit, (fleet) => measure(fleet, options));
  const text = report(result, options, date, versionText);
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-walk-${options.apps}`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify({ date, version: versionText, machine: machine(), options: told(options), ...result }, null, 2)}\n`);
  console.log(text);
  if (Object.keys(result.wrong).length > 0 || result.mostMiB > options["budget-mb"]) throw new Failure("wrong answers, or over the budget");
});

// Drives NANO and its peers with the same load, in turn, and prints what each answered and what it cost.
// See README.md in this folder.

import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, get, launch, logTail, machine, median, memoryMiB,
  pinnedVersion, program, table, until, version, wholeNumbers,
} from "./lib.mjs";
import { checking, sending, wrk } from "./wrk.mjs";

/** Each is a folder: the handler in `worker.mjs`, written out for Node's http in `node.mjs`, and `request.mjs`. */
const SCENARIOS = ["hello", "json", "echo"];
const HOST = "hello.localhost";
const WARM_UP_SECONDS = 1;
const CONNECTIONS = 64;
const SATURATING = 256;

const PEERS = {
  nano: { label: "NANO", start: startNano },
  node: { label: "Node http", start: startNode },
  deno: { label: "Deno.serve", start: startDeno },
  bun: { label: "Bun.serve", start: startBun },
  workerd: { label: "workerd", start: startWorkerd },
};

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      connections: { type: "string" },
      only: { type: "string", default: Object.keys(PEERS).join(",") },
      scenario: { type: "string", default: "hello" },
      saturate: { type: "boolean", default: false },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values, only: values.only.split(",") };
  options.connections ??= values.saturate ? SATURATING : CONNECTIONS;
  wholeNumbers(options, ["rounds", "seconds", "connections"]);
  const unknown = options.only.find((name) => !Object.hasOwn(PEERS, name));
  if (unknown !== undefined) throw new Failure(`no peer named "${unknown}"; there are ${Object.keys(PEERS).join(", ")}`);
  if (!SCENARIOS.includes(options.scenario)) throw new Failure(`no scenario named "${options.scenario}"; there are ${SCENARIOS.join(", ")}`);
  // With --saturate, as many threads of wrk, and as many processes of a peer that needs one for each core.
  options.threads = values.saturate ? cpus().length : 1;
  return options;
}

// --- Starting the servers ---

function startNano(fleet, port, adminPort, options) {
  const dir = join(fleet.dir, "nano");
  const app = join(dir, "hello");
  mkdirSync(app, { recursive: true });
  cpSync(join(benchDir, options.scenario, "worker.mjs"), join(app, "index.mjs"));
  const config = {
    listen: `127.0.0.1:${port}`,
    admin: { listen: `127.0.0.1:${adminPort}` },
    apps: [{ name: "hello", hostname: HOST, path: "./hello" }],
  };
  writeFileSync(join(dir, "nano.json"), JSON.stringify(config, null, 2));
  return fleet.start("nano", program("nano", options.nanod), ["serve", join(dir, "nano.json")]);
}

function startNode(fleet, port, _adminPort, options) {
  const args = [join(benchDir, "peers/node.mjs"), String(port), scenarioFile(options, "node.mjs"), String(options.threads)];
  return fleet.start("node", program("node"), args);
}

function startDeno(fleet, port, _adminPort, options) {
  const flags = ["--quiet", "--no-config", "--no-prompt", "--allow-net", "--allow-read"];
  const worker = scenarioFile(options, "worker.mjs");
  const args = options.saturate
    ? ["serve", ...flags, "--parallel", "--host", "127.0.0.1", "--port", String(port), worker]
    : ["run", ...flags, join(benchDir, "peers/deno.mjs"), String(port), worker];
  const env = { ...process.env, DENO_DIR: join(fleet.dir, "deno"), DENO_NO_UPDATE_CHECK: "1", DENO_JOBS: String(options.threads) };
  return fleet.start("deno", program("deno"), args, { env });
}

function startBun(fleet, port, _adminPort, options) {
  const env = { ...process.env, DO_NOT_TRACK: "1" };
  const args = [join(benchDir, "peers/bun.mjs"), String(port), scenarioFile(options, "worker.mjs"), String(options.threads)];
  return fleet.start("bun", program("bun"), ["run", "--no-install", ...args], { env });
}

function startWorkerd(fleet, port, _adminPort, options) {
  const dir = join(fleet.dir, "workerd");
  mkdirSync(dir);
  cpSync(join(benchDir, options.scenario, "worker.mjs"), join(dir, "worker.mjs"));
  writeFileSync(join(dir, "config.capnp"), `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .hello)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);

const hello :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-01-01",
);
`);
  return fleet.start("workerd", program("workerd"), ["serve", join(dir, "config.capnp")]);
}

function scenarioFile(options, name) {
  return pathToFileURL(join(benchDir, options.scenario, name)).href;
}

async function startPeer(fleet, name, options) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const server = PEERS[name].start(fleet, port, adminPort, options);
  await until(server, "answer", () => get(port, { ...options.request, host: HOST, timeoutMs: 5_000 }));
  const peer = { name, server, port, version: peerVersion(name, options), runs: [] };
  await check(peer, options);
  return peer;
}

/** Asks what wrk asks, and compares the answer. Some servers put a charset behind the type. */
async function check(peer, { request }) {
  const { status, headers, body } = await get(peer.port, { ...request, host: HOST });
  const { answer } = request;
  const type = headers["content-type"]?.split(";")[0];
  const other = Object.entries(answer.headers ?? {}).find(([name, value]) => headers[name] !== value);
  if (status === 200 && type === answer.type && other === undefined && body === answer.body) return;
  throw new Failure(`${peer.name} answered ${status} ${JSON.stringify(headers)} ${JSON.stringify(body)}\n${logTail(peer.server)}`);
}

function peerVersion(name, options) {
  return name === "workerd" ? pinnedVersion("workerd") : version(program(name, options.nanod));
}

// --- Load ---

/** One round. In its middle and after it, one more answer is looked at in full. */
async function drive(fleet, peer, options, seconds, script) {
  const { path, headers, answer } = options.request;
  const { threads, connections } = options;
  const load = { port: peer.port, path, threads, connections, seconds, headers: { Host: HOST, ...headers }, script, leastBytes: answer.body.length };
  const before = cpuSeconds(peer.server.pid);
  const [report] = await Promise.all([wrk(fleet, load), delay(seconds * 500).then(() => check(peer, options))]).catch((error) => {
    throw error instanceof Failure ? new Failure(`${peer.name}: ${error.message}`) : error;
  });
  const cpu = cpuSeconds(peer.server.pid) - before;
  if (peer.server.ended !== null) throw new Failure(`${peer.name} ended (${peer.server.ended}):\n${logTail(peer.server)}`);
  const memory = memoryMiB(peer.server.pid);
  await check(peer, options);
  return { ...report, cpuSeconds: cpu, cpuUs: (cpu * 1e6) / report.requests, ...memory };
}

/** Rounds are interleaved and start with another peer each time: drift of the machine hits all alike. */
async function driveAll(fleet, peers, options) {
  const { request } = options;
  const [timed, checked] = [join(fleet.dir, "timed.lua"), join(fleet.dir, "checked.lua")];
  writeFileSync(timed, sending(request));
  writeFileSync(checked, sending(request) + checking(request.answer));
  for (const peer of peers) await drive(fleet, peer, options, WARM_UP_SECONDS, checked);
  for (let round = 0; round < options.rounds; round++) {
    const shift = round % peers.length;
    for (const peer of [...peers.slice(shift), ...peers.slice(0, shift)]) {
      const run = await drive(fleet, peer, options, options.seconds, timed);
      peer.runs.push(run);
      console.error(`round ${round + 1}/${options.rounds} ${peer.name}: ${figure(run.rps)} requests/s, ${figure(run.cpuUs)} us CPU each`);
    }
  }
}

// --- Report ---

const SATURATED = `
Node runs node:cluster, Deno \`deno serve --parallel\`, Bun processes that share the port, each as many as there are cores;
NANO is one process with its defaults; workerd serves with one thread. wrk takes its part of the same cores.
`;

function report(peers, options, date) {
  const medians = peers.map((peer) => {
    const of = (key) => median(peer.runs.map((run) => run[key]));
    const errors = peer.runs.reduce((sum, run) => sum + run.errors, 0);
    return {
      peer, rps: of("rps"), p50Ms: of("p50Ms"), p99Ms: of("p99Ms"), cpuUs: of("cpuUs"), errors,
      rss: peer.runs.at(-1).rss, pss: peer.runs.at(-1).pss,
    };
  });
  const nano = medians.find(({ peer }) => peer.name === "nano");
  const ratio = (row, key) => (nano && row !== nano ? figure(nano[key] / row[key]) : "-");
  const head = ["server", "requests/s", "p50 ms", "p99 ms", "CPU us/request", "RSS MiB", "PSS MiB", "errors", "rps NANO/peer", "CPU NANO/peer"];
  const rows = medians.map((row) => [
    `${PEERS[row.peer.name].label} ${row.peer.version}`, figure(row.rps), figure(row.p50Ms), figure(row.p99Ms),
    figure(row.cpuUs), figure(row.rss), figure(row.pss), String(row.errors), ratio(row, "rps"), ratio(row, "cpuUs"),
  ]);
  const { cpu, cores, kernel, memoryGiB } = machine();
  const { threads } = options;
  return `# ${options.scenario}${options.saturate ? ", all cores busy" : ""}, ${date}

${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}. Load: wrk with ${threads} thread${threads > 1 ? "s" : ""} and ${options.connections} keep-alive connections on the
same machine, ${options.rounds} rounds of ${options.seconds} s for each server, in rotating order. Medians over the rounds; memory after the last.

${table(head, rows)}

CPU is user and system time of the server's processes over the round, divided by the requests answered. In the last two
columns NANO is better where "rps" is above 1 and "CPU" below 1.
${options.saturate ? SATURATED : ""}`;
}

await launch(async () => {
  const options = readOptions();
  options.request = (await import(`./${options.scenario}/request.mjs`)).default;
  const date = new Date().toISOString().slice(0, 10);
  for (const name of options.only) program(name, options.nanod);
  const work = options.only.length * (options.rounds * (options.seconds + 2) + WARM_UP_SECONDS + 62);
  const peers = await Fleet.within(work * 1000 + 30_000, async (fleet) => {
    const started = [];
    for (const name of options.only) started.push(await startPeer(fleet, name, options));
    await driveAll(fleet, started, options);
    return started;
  });
  const text = report(peers, options, date);
  const raw = {
    date, scenario: options.scenario, machine: machine(),
    load: { tool: "wrk", threads: options.threads, connections: options.connections, rounds: options.rounds, seconds: options.seconds },
    peers: peers.map(({ name, version, runs }) => ({ name, version, runs })),
  };
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-${options.scenario}${options.saturate ? "-saturate" : ""}`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify(raw, null, 2)}\n`);
  console.log(text);
});

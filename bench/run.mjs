// Drives NANO and its peers with the same load, in turn, and prints what each answered and what it cost.
// See README.md in this folder.

import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, get, launch, logTail, machine, median, memoryMiB,
  pinnedVersion, program, table, until, version,
} from "./lib.mjs";

/** Every scenario is a folder with a `worker.mjs`; Node's http has the same handler written out. */
const SCENARIOS = { hello: { path: "/", body: "Hello, world!\n", type: "text/plain" } };
const HOST = "hello.localhost";
const WARM_UP_SECONDS = 1;

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
      connections: { type: "string", default: "64" },
      only: { type: "string", default: Object.keys(PEERS).join(",") },
      scenario: { type: "string", default: "hello" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values, only: values.only.split(",") };
  for (const name of ["rounds", "seconds", "connections"]) {
    options[name] = Number(values[name]);
    if (!Number.isInteger(options[name]) || options[name] < 1) throw new Failure(`--${name} must be a whole number from 1`);
  }
  const unknown = options.only.find((name) => !Object.hasOwn(PEERS, name));
  if (unknown !== undefined) throw new Failure(`no peer named "${unknown}"; there are ${Object.keys(PEERS).join(", ")}`);
  if (!Object.hasOwn(SCENARIOS, options.scenario)) throw new Failure(`no scenario named "${options.scenario}"`);
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

function startNode(fleet, port) {
  return fleet.start("node", program("node"), [join(benchDir, "peers/node.mjs"), String(port)]);
}

function startDeno(fleet, port, _adminPort, options) {
  const args = ["run", "--quiet", "--no-config", "--no-prompt", "--allow-net", "--allow-read"];
  const env = { ...process.env, DENO_DIR: join(fleet.dir, "deno"), DENO_NO_UPDATE_CHECK: "1" };
  return fleet.start("deno", program("deno"), [...args, join(benchDir, "peers/deno.mjs"), String(port), worker(options)], { env });
}

function startBun(fleet, port, _adminPort, options) {
  const env = { ...process.env, DO_NOT_TRACK: "1" };
  return fleet.start("bun", program("bun"), ["run", "--no-install", join(benchDir, "peers/bun.mjs"), String(port), worker(options)], { env });
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

function worker(options) {
  return pathToFileURL(join(benchDir, options.scenario, "worker.mjs")).href;
}

async function startPeer(fleet, name, options) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const server = PEERS[name].start(fleet, port, adminPort, options);
  const expected = SCENARIOS[options.scenario];
  const answer = await until(server, "answer", () => get(port, { host: HOST, path: expected.path, timeoutMs: 5_000 }));
  const type = answer.headers["content-type"];
  if (answer.status !== 200 || answer.body !== expected.body || type !== expected.type) {
    throw new Failure(`${name} answered ${answer.status} ${type} ${JSON.stringify(answer.body)}\n${logTail(server)}`);
  }
  return { name, server, port, version: peerVersion(name, options), runs: [] };
}

function peerVersion(name, options) {
  return name === "workerd" ? pinnedVersion("workerd") : version(program(name, options.nanod));
}

// --- Load ---

async function drive(fleet, peer, options, seconds) {
  const { path } = SCENARIOS[options.scenario];
  const args = ["-t1", `-c${options.connections}`, `-d${seconds}s`, "--latency", "-H", `Host: ${HOST}`, `http://127.0.0.1:${peer.port}${path}`];
  const before = cpuSeconds(peer.server.pid);
  const report = parseWrk(await fleet.run("wrk", args, (seconds + 20) * 1000));
  const cpu = cpuSeconds(peer.server.pid) - before;
  if (peer.server.ended !== null) throw new Failure(`${peer.name} ended (${peer.server.ended}):\n${logTail(peer.server)}`);
  return { ...report, cpuSeconds: cpu, cpuUs: (cpu * 1e6) / report.requests, ...memoryMiB(peer.server.pid) };
}

function parseWrk(text) {
  const number = (pattern) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const latencyMs = (percent) => {
    const [, value, unit] = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)$`, "m").exec(text) ?? [];
    return Number(value) * { us: 1e-3, ms: 1, s: 1e3 }[unit];
  };
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  const badStatus = number(/Non-2xx or 3xx responses: (\d+)/) || 0;
  const report = {
    requests: number(/(\d+) requests in/), rps: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: latencyMs(50), p99Ms: latencyMs(99),
    errors: sockets.reduce((sum, count) => sum + Number(count), badStatus),
  };
  if (!(report.requests > 0)) throw new Failure(`wrk's report cannot be read:\n${text}`);
  return report;
}

/** Rounds are interleaved and start with another peer each time: drift of the machine hits all alike. */
async function driveAll(fleet, peers, options) {
  for (const peer of peers) await drive(fleet, peer, options, WARM_UP_SECONDS);
  for (let round = 0; round < options.rounds; round++) {
    const shift = round % peers.length;
    for (const peer of [...peers.slice(shift), ...peers.slice(0, shift)]) {
      const run = await drive(fleet, peer, options, options.seconds);
      peer.runs.push(run);
      console.error(`round ${round + 1}/${options.rounds} ${peer.name}: ${figure(run.rps)} requests/s, ${figure(run.cpuUs)} us CPU each`);
    }
  }
}

// --- Report ---

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
  return `# ${options.scenario}, ${date}

${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}. Load: wrk with 1 thread and ${options.connections} keep-alive connections on the
same machine, ${options.rounds} rounds of ${options.seconds} s for each server, in rotating order. Medians over the rounds; memory after the last.

${table(head, rows)}

CPU is user and system time of the server's processes over the round, divided by the requests answered. In the last two
columns NANO is better where "rps" is above 1 and "CPU" below 1.
`;
}

await launch(async () => {
  const options = readOptions();
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
    load: { tool: "wrk", threads: 1, connections: options.connections, rounds: options.rounds, seconds: options.seconds },
    peers: peers.map(({ name, version, runs }) => ({ name, version, runs })),
  };
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-${options.scenario}`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify(raw, null, 2)}\n`);
  console.log(text);
});

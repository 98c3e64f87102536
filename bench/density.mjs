// Hosts many small apps in one process and asks each of them once: start time, memory for each app, first answers.
// See README.md in this folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, get, launch, logTail, machine, memoryMiB, pinnedVersion,
  program, quantile, table, until, version,
} from "./lib.mjs";

const START_LIMIT_MS = 60_000;
const REQUEST_LIMIT_MS = 200;

const PEERS = {
  nano: { label: "NANO", start: startNano, ready: nanoReady },
  workerd: { label: "workerd", start: startWorkerd, ready: async () => undefined },
};

function readOptions() {
  const { values } = parseArgs({
    options: {
      apps: { type: "string", default: "1000" },
      connections: { type: "string", default: "4" },
      peer: { type: "string", default: "nano" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values, apps: Number(values.apps), connections: Number(values.connections) };
  for (const name of ["apps", "connections"]) {
    if (!Number.isInteger(options[name]) || options[name] < 1) throw new Failure(`--${name} must be a whole number from 1`);
  }
  if (!Object.hasOwn(PEERS, options.peer)) throw new Failure(`--peer must be one of ${Object.keys(PEERS).join(", ")}`);
  return options;
}

// --- The apps, and the two ways to host them ---

function writeApps(dir, count) {
  return Array.from({ length: count }, (_, index) => {
    const name = `app-${String(index).padStart(4, "0")}`;
    mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, name, "index.mjs"), `export default {
  fetch() {
    return new Response("${name}", { headers: { "content-type": "text/plain" } });
  },
};
`);
    return { name, hostname: `${name}.localhost` };
  });
}

function startNano(fleet, ports, apps, options) {
  const config = {
    listen: `127.0.0.1:${ports.http}`,
    admin: { listen: `127.0.0.1:${ports.admin}` },
    // No app may be evicted between its first request and the last measurement.
    defaults: { idle_ms: 3_600_000 },
    apps: apps.map(({ name, hostname }) => ({ name, hostname, path: `./${name}` })),
  };
  writeFileSync(join(fleet.dir, "nano.json"), JSON.stringify(config, null, 2));
  return fleet.start("nano", program("nano", options.nanod), ["serve", join(fleet.dir, "nano.json")]);
}

async function nanoReady(server, ports) {
  await until(server, "200 from /ready", async () => {
    const { status } = await get(ports.admin, { path: "/ready", timeoutMs: 5_000 });
    return status === 200 ? true : undefined;
  });
  return performance.now() - server.startedAt;
}

/** workerd does not route by Host: a worker in front passes each request on to the app's service binding. */
function startWorkerd(fleet, ports, apps) {
  writeFileSync(join(fleet.dir, "router.mjs"), `export default {
  fetch(request, env) {
    return env[new URL(request.url).hostname.split(".")[0]].fetch(request);
  },
};
`);
  const service = ({ name }) => `(name = "${name}", worker = (modules = [(name = "worker", esModule = embed "${name}/index.mjs")], compatibilityDate = "2026-01-01"))`;
  writeFileSync(join(fleet.dir, "config.capnp"), `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .router),
    ${apps.map(service).join(",\n    ")}
  ],
  sockets = [(name = "http", address = "127.0.0.1:${ports.http}", http = (), service = "main")],
);

const router :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "router.mjs")],
  compatibilityDate = "2026-01-01",
  bindings = [
    ${apps.map(({ name }) => `(name = "${name}", service = "${name}")`).join(",\n    ")}
  ],
);
`);
  return fleet.start("workerd", program("workerd"), ["serve", join(fleet.dir, "config.capnp")]);
}

// --- Measuring ---

async function askAll(server, port, apps, agent, connections) {
  const times = [];
  const left = apps.values();
  const before = cpuSeconds(server.pid);
  const started = performance.now();
  // One iterator, several takers: each connection asks for the next app as soon as its last answer is complete.
  await Promise.all(Array.from({ length: connections }, async () => {
    for (const app of left) {
      const answer = await get(port, { host: app.hostname, agent });
      if (answer.status !== 200 || answer.body !== app.name) {
        throw new Failure(`${app.hostname} answered ${answer.status} ${JSON.stringify(answer.body)}\n${logTail(server)}`);
      }
      times.push(answer.ms);
    }
  }));
  const cpu = cpuSeconds(server.pid) - before;
  const seconds = (performance.now() - started) / 1000;
  return { seconds, cpuSeconds: cpu, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs: Math.max(...times) };
}

async function measure(fleet, options) {
  const peer = PEERS[options.peer];
  const apps = writeApps(fleet.dir, options.apps);
  const ports = { http: await freePort(), admin: await freePort() };

  // A first process tells how soon an answer is there; measuring memory in between would spoil that.
  const first = peer.start(fleet, ports, apps, options);
  const readyMs = await peer.ready(first, ports);
  await until(first, "answer", () => get(ports.http, { host: apps[0].hostname, timeoutMs: START_LIMIT_MS }));
  const firstAnswerMs = performance.now() - first.startedAt;
  await fleet.end(first);

  // A second one tells the rest.
  const server = peer.start(fleet, ports, apps, options);
  if ((await peer.ready(server, ports)) === undefined) {
    await until(server, "open port", () => get(ports.http, { host: apps[0].hostname, timeoutMs: START_LIMIT_MS }));
  }
  const before = memoryMiB(server.pid);
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const cold = await askAll(server, ports.http, apps, agent, options.connections);
  const after = memoryMiB(server.pid);
  const warm = await askAll(server, ports.http, apps, agent, options.connections);
  const end = memoryMiB(server.pid);
  agent.destroy();
  return { readyMs, firstAnswerMs, before, cold, after, warm, end };
}

// --- Report ---

function report(result, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  const label = PEERS[options.peer].label;
  const kibPerApp = (mib) => `${figure((mib * 1024) / options.apps)} KiB`;
  const rows = [
    ...(result.readyMs === undefined ? [] : [["process start to 200 from /ready", `${figure(result.readyMs)} ms`]]),
    ["process start to the first answer", `${figure(result.firstAnswerMs)} ms`],
    ["RSS (PSS) before any request", `${figure(result.before.rss)} (${figure(result.before.pss)}) MiB`],
    [`RSS (PSS) after one request to each of ${options.apps} apps`, `${figure(result.after.rss)} (${figure(result.after.pss)}) MiB`],
    ["that RSS for each app; its growth for each app", `${kibPerApp(result.after.rss)}; ${kibPerApp(result.after.rss - result.before.rss)}`],
    ["RSS (PSS) after a second request to each", `${figure(result.end.rss)} (${figure(result.end.pss)}) MiB`],
    ["first requests: p50, p99, longest", latencies(result.cold)],
    ["first requests: all of them, CPU for each", totals(result.cold, options.apps)],
    ["second requests: p50, p99, longest", latencies(result.warm)],
    ["second requests: all of them, CPU for each", totals(result.warm, options.apps)],
  ];
  const routed = options.peer === "workerd" ? "\nworkerd does not route by Host: a worker in front of the apps does, through service bindings. The port is open only\nwhen all apps are loaded, so the growth says little, and the memory before any request includes the one request that found it open.\n" : "";
  return `# Density: ${options.apps} apps in one process, ${date}

${label} ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.
Every app answers with its own name, which is checked. ${options.connections} keep-alive connections, Node's http client on the same machine.
${routed}
${table(["what", "figure"], rows)}
`;
}

const latencies = ({ p50Ms, p99Ms, maxMs }) => `${figure(p50Ms)}, ${figure(p99Ms)}, ${figure(maxMs)} ms`;
const totals = ({ seconds, cpuSeconds: cpu }, apps) => `${figure(seconds)} s, ${figure((cpu * 1000) / apps)} ms`;

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const path = program(options.peer, options.nanod);
  const versionText = options.peer === "workerd" ? pinnedVersion("workerd") : version(path);
  const limit = 4 * START_LIMIT_MS + 2 * options.apps * REQUEST_LIMIT_MS;
  const result = await Fleet.within(limit, (fleet) => measure(fleet, options));
  const text = report(result, options, date, versionText);
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-density-${options.peer}-${options.apps}`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify({ date, peer: options.peer, version: versionText, apps: options.apps, machine: machine(), ...result }, null, 2)}\n`);
  console.log(text);
});

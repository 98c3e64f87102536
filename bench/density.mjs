// Hosts many small apps in one process and asks each of them once: start time, memory for each app, first answers.
// See README.md in this folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { askAll, nanoReady, serveNano, serveWorkerd, writeApps } from "./apps.mjs";
import {
  Failure, Fleet, benchDir, figure, freePort, get, launch, machine, memoryMiB, pinnedVersion, program, table, until,
  version, wholeNumbers,
} from "./lib.mjs";

const START_LIMIT_MS = 60_000;
const REQUEST_LIMIT_MS = 200;

const PEERS = {
  nano: { label: "NANO", start: serveNano, ready: nanoReady },
  workerd: { label: "workerd", start: serveWorkerd, ready: async () => undefined },
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
  const options = { ...values };
  wholeNumbers(options, ["apps", "connections"]);
  if (!Object.hasOwn(PEERS, options.peer)) throw new Failure(`--peer must be one of ${Object.keys(PEERS).join(", ")}`);
  return options;
}

// --- Measuring ---

async function measure(fleet, options) {
  const peer = PEERS[options.peer];
  const apps = writeApps(fleet.dir, options.apps);
  const ports = { http: await freePort(), admin: await freePort() };
  const start = () => peer.start(fleet, { dir: fleet.dir, ports, apps, nanod: options.nanod });

  // A first process tells how soon an answer is there; measuring memory in between would spoil that.
  const first = start();
  const readyMs = await peer.ready(first, ports);
  await until(first, "answer", () => get(ports.http, { host: apps[0].hostname, timeoutMs: START_LIMIT_MS }));
  const firstAnswerMs = performance.now() - first.startedAt;
  await fleet.end(first);

  // A second one tells the rest.
  const server = start();
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

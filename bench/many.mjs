// One process with many apps that are all asked: what does an answer cost when it is another app's each time, and with
// one thread or several. See README.md in this folder.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { askAll, askOne, nanoReady, serveNano, serveWorkerd, writeApps } from "./apps.mjs";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, get, launch, logTail, machine, median, memoryMiB,
  pinnedVersion, program, table, told, until, version,
} from "./lib.mjs";
import { VISITING, VISITING_CHECKED, wrk } from "./wrk.mjs";

const SEED = 20_261_122;
const VISITS = 65_536;
const WARM_UP_CONNECTIONS = 4;
/** Apps that are looked at in the middle of each round. */
const LOOKS = 16;
/** Memory that an app may need, and what the machine keeps for all else. */
const MIB_PER_APP = 1.5;
const SPARE_MIB = 1024;
const SPREADS = { uniform: "uniform", zipf: "Zipf" };

function readOptions() {
  const { values } = parseArgs({
    options: {
      apps: { type: "string", default: "1,100,1000:zipf" },
      workerd: { type: "string", default: "" },
      threads: { type: "string", default: "" },
      work: { type: "string", default: "0" },
      "warm-up": { type: "string", default: "3" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      connections: { type: "string", default: "64" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values };
  for (const name of ["work", "warm-up", "rounds", "seconds", "connections"]) options[name] = whole(name, values[name], name === "work" ? 0 : 1);
  // No number of threads: NANO's own choice.
  const threads = values.threads ? list(values.threads).map((text) => whole("threads", text, 1)) : [undefined];
  options.rows = [
    ...list(values.apps).flatMap((text) => threads.map((count) => ({ peer: "nano", threads: count, ...spread("apps", text) }))),
    ...list(values.workerd).map((text) => ({ peer: "workerd", ...spread("workerd", text) })),
  ];
  if (options.rows.length === 0) throw new Failure("nothing to measure: --apps and --workerd are empty");
  return options;
}

const list = (text) => text.split(",").filter((part) => part !== "");

function whole(name, text, least) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Failure(`--${name} needs whole numbers from ${least}`);
  return value;
}

function spread(name, text) {
  const [count, kind = "uniform"] = text.split(":");
  if (!Object.hasOwn(SPREADS, kind)) throw new Failure(`--${name}: a number, or a number and ":zipf"`);
  return { apps: whole(name, count, 1), spread: kind };
}

// --- Which app is asked when ---

/** The same numbers in each run, between 0 and 1 (mulberry32). */
function numbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Uniform, or by Zipf's law: the app of rank r gets a share of 1/r. */
function visits(apps, kind) {
  const next = numbers(SEED);
  let total = 0;
  const upTo = apps.map((_, index) => (total += kind === "zipf" ? 1 / (index + 1) : 1));
  return Array.from({ length: VISITS }, () => {
    const mark = next() * total;
    let [low, high] = [0, apps.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] > mark) high = middle;
      else low = middle + 1;
    }
    return apps[low];
  });
}

// --- The processes ---

function availableMiB() {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))[1]) / 1024;
}

async function start(fleet, row, index, options) {
  const name = `${row.peer}-${index}`;
  const dir = join(fleet.dir, name);
  const apps = writeApps(dir, row.apps, options.work);
  const ports = { http: await freePort(), admin: await freePort() };
  const given = { name, dir, ports, apps, nanod: options.nanod, threads: row.threads };
  const server = row.peer === "nano" ? serveNano(fleet, given) : serveWorkerd(fleet, given);
  if (row.peer === "nano") await nanoReady(server, ports);
  else await until(server, "open port", () => get(ports.http, { host: apps[0].hostname, timeoutMs: 60_000 }));
  const served = { row, server, port: ports.http, apps, visits: visits(apps, row.spread), hosts: join(dir, "hosts"), runs: [] };
  writeFileSync(served.hosts, served.visits.map(({ hostname }) => `${hostname}\n`).join(""));
  await askEach(served);
  console.error(`${label(row)}: ${figure(memoryMiB(server.pid).rss)} MiB after a request to each app`);
  return served;
}

async function askEach({ server, port, apps }) {
  const agent = new Agent({ keepAlive: true, maxSockets: WARM_UP_CONNECTIONS });
  await askAll(server, port, apps, agent, Math.min(WARM_UP_CONNECTIONS, apps.length));
  agent.destroy();
}

const label = ({ peer, apps, spread, threads }) => `${peer === "nano" ? "NANO" : peer}, ${apps} apps, ${spread}${threads ? `, threads: ${threads}` : ""}`;

// --- Load ---

/** One round. In its middle, some apps are asked one by one and must answer their names. */
async function drive(fleet, served, script, options, seconds) {
  const load = { port: served.port, connections: options.connections, seconds, script, args: [served.hosts] };
  const before = cpuSeconds(served.server.pid);
  const [report] = await Promise.all([wrk(fleet, load), delay(seconds * 500).then(() => look(served))]).catch((error) => {
    throw error instanceof Failure ? new Failure(`${label(served.row)}: ${error.message}`) : error;
  });
  const cpu = cpuSeconds(served.server.pid) - before;
  if (served.server.ended !== null) throw new Failure(`${served.server.name} ended (${served.server.ended}):\n${logTail(served.server)}`);
  if (availableMiB() < SPARE_MIB) throw new Failure(`less than ${SPARE_MIB} MiB of memory are left`);
  return { ...report, cpuSeconds: cpu, cpuUs: (cpu * 1e6) / report.requests };
}

async function look({ server, port, visits: order, runs }) {
  const agent = new Agent({ keepAlive: true });
  const from = (runs.length * LOOKS) % (order.length - LOOKS);
  for (const app of order.slice(from, from + LOOKS)) await askOne(server, port, app, agent);
  agent.destroy();
}

/** Rounds are interleaved and start with another process each time: drift of the machine hits all alike. */
async function driveAll(fleet, all, options) {
  const [timed, checked] = [join(fleet.dir, "timed.lua"), join(fleet.dir, "checked.lua")];
  writeFileSync(timed, VISITING);
  writeFileSync(checked, VISITING_CHECKED);
  for (const served of all) await drive(fleet, served, checked, options, options["warm-up"]);
  for (let round = 0; round < options.rounds; round++) {
    const shift = round % all.length;
    for (const served of [...all.slice(shift), ...all.slice(0, shift)]) {
      const run = await drive(fleet, served, timed, options, options.seconds);
      served.runs.push(run);
      console.error(`round ${round + 1}/${options.rounds} ${label(served.row)}: ${figure(run.rps)} requests/s, ${figure(run.cpuUs)} us CPU each`);
    }
  }
  for (const served of all) {
    served.memory = memoryMiB(served.server.pid);
    await askEach(served);
  }
}

async function measure(fleet, options) {
  const needed = options.rows.reduce((sum, { apps }) => sum + apps * MIB_PER_APP, SPARE_MIB);
  if (availableMiB() < needed) throw new Failure(`this needs about ${Math.round(needed / 1024)} GiB of free memory`);
  const all = [];
  for (const [index, row] of options.rows.entries()) all.push(await start(fleet, row, index, options));
  await driveAll(fleet, all, options);
  return all.map(({ row, runs, memory }) => ({ ...row, memory, runs }));
}

// --- Report ---

function report(results, options, date, versions) {
  const rows = results.map((result) => {
    const of = (key) => median(result.runs.map((run) => run[key]));
    const errors = result.runs.reduce((sum, run) => sum + run.errors, 0);
    return { result, rps: of("rps"), p50Ms: of("p50Ms"), p99Ms: of("p99Ms"), cpuUs: of("cpuUs"), errors };
  });
  const head = ["server", "apps", "spread", "threads", "requests/s", "p50 ms", "p99 ms", "CPU us/request", "RSS MiB", "errors", "rps to first row", "CPU to first row"];
  const cells = rows.map(({ result, rps, p50Ms, p99Ms, cpuUs, errors }, index) => [
    result.peer === "nano" ? "NANO" : result.peer, String(result.apps), result.apps === 1 ? "-" : SPREADS[result.spread], String(result.threads ?? "-"),
    figure(rps), figure(p50Ms), figure(p99Ms), figure(cpuUs), figure(result.memory.rss), String(errors),
    ...(index === 0 ? ["-", "-"] : [figure(rps / rows[0].rps), figure(cpuUs / rows[0].cpuUs)]),
  ]);
  const { cpu, cores, kernel, memoryGiB } = machine();
  const work = options.work > 0 ? ` Each handler does ${options.work} rounds of arithmetic before it answers.` : "";
  return `# Many apps in one process, ${date}

${versions}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.
One process for each row, all up at once, each app warmed with a request; every app answers its name.${work} Load: wrk with 1
thread and ${options.connections} keep-alive connections on the same machine, each request to an app picked ahead by the row's spread;
${options.rounds} rounds of ${options.seconds} s for each process, in rotating order. Medians over the rounds; memory after the last.

${table(head, cells)}

CPU is user and system time of the server's processes over the round, divided by the requests answered.
${options.rows.some(({ peer }) => peer === "workerd") ? "workerd does not route by Host: a worker in front of the apps does, through service bindings.\n" : ""}`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const peers = new Set(options.rows.map(({ peer }) => peer));
  for (const peer of peers) program(peer, options.nanod);
  const versions = [...peers].map((peer) => (peer === "nano" ? `NANO ${version(program("nano", options.nanod))}` : `workerd ${pinnedVersion(peer)}`)).join(", ");
  const work = options.rows.reduce((sum, { apps }) => sum + 120 + options["warm-up"] + options.rounds * (options.seconds + 3) + apps / 20, 60);
  const results = await Fleet.within(work * 1000, (fleet) => measure(fleet, options));
  const text = report(results, options, date, versions);
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-many-${options.rows.map(slug).join("-")}${options.work > 0 ? "-work" : ""}`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify({ date, versions, machine: machine(), options: told(options), results }, null, 2)}\n`);
  console.log(text);
});

function slug({ peer, apps, spread: kind, threads }) {
  return `${peer === "nano" ? "" : peer}${apps}${kind === "zipf" ? "z" : ""}${threads ? `t${threads}` : ""}`;
}

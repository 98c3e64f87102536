// First requests to apps that never ran, alone and while a hundred others serve, and what the others notice of it.
// See README.md in this folder.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import os from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { nanoReady, serveNano } from "./apps.mjs";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, launch, logTail, machine, memoryMiB, program, quantile, table,
  told, version, wholeNumbers,
} from "./lib.mjs";

const ROUNDS = 3;
const WARM_UP_SECONDS = 10;
const CAPACITY_SECONDS = 3;
const CAPACITY_CONNECTIONS = 16;
const ANSWER_LIMIT_MS = 10_000;
/** The client looks so often what is due: it shares the cores with the server, and must not spin. */
const TICK_MS = 1;
/** Requests a second of which one late answer may hide others. */
const MANY = 100;

function readOptions() {
  const { values } = parseArgs({
    options: {
      apps: { type: "string", default: "600" },
      rate: { type: "string", default: "10" },
      warm: { type: "string", default: "100" },
      seconds: { type: "string", default: "10" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values };
  wholeNumbers(options, ["apps", "rate", "warm", "seconds"]);
  return options;
}

// --- The apps ---

/** The kinds of apps that are started cold: what is in their folder, and the start of what they answer. */
const HELLO = `export default {
  fetch(request, env) {
    return new Response(env.NAME, { headers: { "content-type": "text/plain" } });
  },
};
`;
/** A warm app computes for some 0.2 ms, so that half of the machine's load is a rate that one client can give. */
const WARM = `export default {
  fetch(request, env) {
    let hash = 0;
    for (let i = 0; i < 100_000; i++) hash = (hash * 31 + i) | 0;
    return new Response(env.NAME, { headers: { "x-hash": String(hash) } });
  },
};
`;

/** Bundles and minifies the real app, as a team's build would. */
function bundle(into) {
  const esbuild = join(benchDir, "node_modules/esbuild/bin/esbuild");
  const options = ["--bundle", "--minify", "--format=esm", "--platform=neutral", "--main-fields=module,main", "--conditions=worker"];
  const { status, stderr } = spawnSync(process.execPath, [esbuild, join(benchDir, "real/worker.mjs"), ...options, `--outfile=${into}`], { encoding: "utf8" });
  if (status !== 0) throw new Failure(`esbuild: ${stderr || "is it installed? run `npm --prefix bench ci`"}`);
}

function writeApps(dir, kind, count, write) {
  return Array.from({ length: count }, (_, index) => {
    const name = `${kind}-${String(index).padStart(4, "0")}`;
    mkdirSync(join(dir, name), { recursive: true });
    write(join(dir, name, "index.mjs"));
    return { name, hostname: `${name}.localhost`, env: { NAME: name } };
  });
}

// --- The client: one keep-alive connection; times to the first byte ---

class Connection {
  isClosed = false;
  #socket;
  #waiting;
  #text = "";

  constructor(port) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => this.#waiting?.fail(error));
    this.#socket.on("close", () => {
      this.isClosed = true; // The server does so with idle ones.
      this.#waiting?.fail(new Failure("the connection was closed"));
    });
  }

  /** Asks the app for `/`, and gives the milliseconds from `due` to the first byte of a right answer. */
  ask(app, due = performance.now()) {
    return new Promise((done, fail) => {
      const late = setTimeout(() => fail(new Failure(`${app.name}: no answer`)), ANSWER_LIMIT_MS);
      const settle = (then) => (value) => {
        clearTimeout(late);
        this.#waiting = undefined;
        then(value);
      };
      this.#waiting = { app, due, first: undefined, done: settle(done), fail: settle(fail) };
      this.#socket.write(`GET / HTTP/1.1\r\nhost: ${app.hostname}\r\n\r\n`);
    });
  }

  #read(chunk) {
    const waiting = this.#waiting;
    waiting.first ??= performance.now();
    this.#text += chunk;
    const head = this.#text.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? Number.NaN);
    if (head < 0 || this.#text.length < head + 4 + length) return;
    const [text, body] = [this.#text, this.#text.slice(head + 4)];
    this.#text = "";
    if (!text.startsWith("HTTP/1.1 200") || body !== waiting.app.name) waiting.fail(new Failure(`${waiting.app.name} answered ${text}`));
    else waiting.done(waiting.first - waiting.due);
  }

  end() {
    this.#socket.destroy();
  }
}

/** Connections that are used by turns; there are more when all are busy. */
class Clients {
  #free = [];
  #all = [];

  constructor(port) {
    this.port = port;
  }

  async ask(app, due) {
    while (this.#free.at(-1)?.isClosed) this.#free.pop();
    const connection = this.#free.pop() ?? this.#open();
    const ms = await connection.ask(app, due);
    this.#free.push(connection);
    return ms;
  }

  #open() {
    const connection = new Connection(this.port);
    this.#all.push(connection);
    return connection;
  }

  end() {
    for (const connection of this.#all) connection.end();
  }
}

/**
 * Asks the apps in order, `rate` a second whatever comes back. Each is timed from when it was due, so that one late answer
 * cannot hide others; requests that are few are timed from when they were sent.
 */
async function openLoop(clients, apps, rate, count) {
  const few = rate < MANY;
  const began = performance.now();
  const asked = [];
  while (asked.length < Math.floor(count)) {
    const due = began + (asked.length * 1000) / rate;
    const wait = due - performance.now();
    if (wait > 0) {
      await delay(Math.max(wait, TICK_MS));
      continue;
    }
    const answer = clients.ask(apps[asked.length % apps.length], few ? undefined : due);
    answer.catch(() => {}); // It is awaited below, maybe much later.
    asked.push(answer);
  }
  return Promise.all(asked);
}

// --- Measuring ---

async function capacity(clients, apps) {
  const end = performance.now() + CAPACITY_SECONDS * 1000;
  let answers = 0;
  await Promise.all(Array.from({ length: CAPACITY_CONNECTIONS }, async () => {
    while (performance.now() < end) {
      await clients.ask(apps[answers % apps.length]);
      answers += 1;
    }
  }));
  return answers / CAPACITY_SECONDS;
}

const times = (list) => ({ count: list.length, p50Ms: quantile(list, 0.5), p99Ms: quantile(list, 0.99), maxMs: Math.max(...list) });

async function measure(fleet, options) {
  bundle(join(fleet.dir, "real.mjs"));
  const perPart = Math.floor(options.apps / (1 + ROUNDS));
  const kinds = {
    hello: writeApps(fleet.dir, "hello", options.apps, (path) => writeFileSync(path, HELLO)),
    real: writeApps(fleet.dir, "real", options.apps, (path) => cpSync(join(fleet.dir, "real.mjs"), path)),
  };
  const warm = writeApps(fleet.dir, "warm", options.warm, (path) => writeFileSync(path, WARM));
  const ports = { http: await freePort(), admin: await freePort() };
  const apps = [...kinds.hello, ...kinds.real, ...warm];
  const server = serveNano(fleet, { dir: fleet.dir, ports, apps, nanod: options.nanod });
  await nanoReady(server, ports);
  // The figures are to tell of the server: this process should not wait for a core. Only root may ask for that.
  try {
    os.setPriority(-15);
  } catch {
    // Then its own lag, which is reported, says how far the figures can be trusted.
  }
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const clients = new Clients(ports.http);
  try {
    const result = { bundleKiB: statSync(join(fleet.dir, "real.mjs")).size / 1024, alone: {}, loaded: {}, warm: {} };
    for (const [kind, apps] of Object.entries(kinds)) {
      await clients.ask(apps.pop()); // The process's own first times.
      const [before, mib] = [cpuSeconds(server.pid), memoryMiB(server.pid).rss];
      result.alone[kind] = times(await openLoop(clients, apps.splice(0, perPart), options.rate, perPart));
      result.alone[kind].cpuMs = ((cpuSeconds(server.pid) - before) * 1000) / perPart;
      result.alone[kind].rssKiB = ((memoryMiB(server.pid).rss - mib) * 1024) / perPart;
    }
    for (let turn = 0; turn < 100; turn++) await Promise.all(warm.map((app) => clients.ask(app)));
    result.capacity = await capacity(clients, warm);
    const rate = result.capacity / 2;
    const count = Math.floor(rate * options.seconds);
    await openLoop(clients, warm, rate, rate * WARM_UP_SECONDS); // V8 optimises what is in a hundred apps.
    const quiet = [];
    const noticed = { hello: [], real: [] };
    const cold = { hello: [], real: [] };
    lag.reset();
    for (let round = 0; round < ROUNDS; round++) {
      quiet.push(...await openLoop(clients, warm, rate, count));
      for (const [kind, apps] of Object.entries(kinds)) {
        const starts = Math.min(perPart, Math.floor(options.seconds * options.rate));
        const starting = openLoop(clients, apps.splice(0, starts), options.rate, starts);
        noticed[kind].push(...await openLoop(clients, warm, rate, count));
        cold[kind].push(...await starting);
      }
    }
    result.warm = { quiet: times(quiet), hello: times(noticed.hello), real: times(noticed.real) };
    result.loaded = { hello: times(cold.hello), real: times(cold.real) };
    result.lagP99Ms = lag.percentile(99) / 1e6;
    return result;
  } catch (error) {
    throw new Failure(`${error.message}\n${logTail(server)}`);
  } finally {
    clients.end();
  }
}

// --- Report ---

const written = ({ count, p50Ms, p99Ms, maxMs }) => `${figure(p50Ms)} / ${figure(p99Ms)} / ${figure(maxMs)} ms of ${count}`;

function report(result, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  const { alone, loaded, warm } = result;
  const share = ({ p99Ms }) => figure(p99Ms / warm.quiet.p99Ms);
  const rows = [
    ["hello app, first request, nothing else going on", written(alone.hello)],
    [`app of ${figure(result.bundleKiB)} KiB, likewise`, written(alone.real)],
    ["hello app, first request, half loaded", written(loaded.hello)],
    [`app of ${figure(result.bundleKiB)} KiB, likewise`, written(loaded.real)],
    ["CPU for each start and first answer: hello, real", `${figure(alone.hello.cpuMs)}, ${figure(alone.real.cpuMs)} ms`],
    ["RSS for each: hello, real", `${figure(alone.hello.rssKiB)}, ${figure(alone.real.rssKiB)} KiB`],
    [`${options.warm} warm apps at ${figure(result.capacity / 2)} requests/s, half of what they can`, written(warm.quiet)],
    [`while ${options.rate} hello apps a second start; p99 to that without`, `${written(warm.hello)}; ${share(warm.hello)}`],
    [`while ${options.rate} real apps a second start; p99 to that without`, `${written(warm.real)}; ${share(warm.real)}`],
    ["lag of the client: p99", `${figure(result.lagP99Ms)} ms`],
  ];
  return `# Cold starts, ${date}

NANO ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.
Times are p50 / p99 / longest, to the first byte, over connections that are open: of first requests from when they were
sent, ${options.rate} a second; of warm apps from when they were due, as the client looks each millisecond; ${ROUNDS} rounds of ${options.seconds} s each; the client is on the same cores.

${table(["what", "figure"], rows)}
`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const versionText = version(program("nano", options.nanod));
  const limit = (options.apps / options.rate) * 1000 + ROUNDS * 4 * options.seconds * 1000 + 120_000;
  const result = await Fleet.within(limit, (fleet) => measure(fleet, options));
  const text = report(result, options, date, versionText);
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-cold`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify({ date, version: versionText, machine: machine(), options: told(options), ...result }, null, 2)}\n`);
  console.log(text);
});

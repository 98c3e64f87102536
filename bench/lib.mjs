// What the load scripts share: processes and their cost, readiness, statistics, and the facts of the machine.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const benchDir = dirname(fileURLToPath(import.meta.url));
export const repositoryDir = dirname(benchDir);

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 2;

/** A failure that the user can act on: shown as one sentence, without a stack. */
export class Failure extends Error {}

/**
 * The processes and the temporary folder of one run. `within` ends them all, by their ids, however the body ends: by
 * returning, by throwing, by a signal, or because the run took longer than it may.
 */
export class Fleet {
  #servers = [];
  dir = mkdtempSync(join(tmpdir(), "nano-bench-"));

  static async within(limitMs, body) {
    const fleet = new Fleet();
    let interrupt;
    const interrupted = new Promise((_, reject) => (interrupt = reject));
    const onSignal = (signal) => interrupt(new Failure(`ended by ${signal}`));
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, onSignal);
    const limit = setTimeout(() => interrupt(new Failure(`not done after ${limitMs / 1000} s`)), limitMs);
    try {
      return await Promise.race([body(fleet), interrupted]);
    } finally {
      clearTimeout(limit);
      await fleet.stop();
    }
  }

  /** Starts a server; its output goes to a file that `logTail` shows when something fails. */
  start(name, command, args, options = {}) {
    const log = join(this.dir, `${name}.log`);
    const file = openSync(log, "a");
    const child = spawn(command, args, { ...options, stdio: ["ignore", file, file] });
    const server = { name, child, log, pid: child.pid, startedAt: performance.now(), ended: null };
    server.exit = new Promise((done) => {
      child.once("exit", (code, signal) => done((server.ended = signal ?? `exit code ${code}`)));
      child.once("error", (error) => done((server.ended = error.message)));
    });
    this.#servers.push(server);
    return server;
  }

  /** Runs a command to its end and gives its standard output. It counts among the processes that `stop` ends. */
  async run(command, args, timeoutMs) {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    const server = { name: command, child, pid: child.pid, ended: null };
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    this.#servers.push(server);
    server.exit = new Promise((done) => {
      child.once("close", (code, signal) => done((server.ended = signal ?? code)));
      child.once("error", (error) => done((server.ended = error.message)));
    });
    const end = await server.exit;
    this.#servers.splice(this.#servers.indexOf(server), 1);
    if (end !== 0) throw new Failure(`${command} ${args.join(" ")} ended with ${end}:\n${output}`);
    return output;
  }

  /** Ends one server and what it started: first asked, then killed. */
  async end(server) {
    if (server.ended === null && server.pid) {
      const descendants = processTree(server.pid).slice(1);
      signalProcess(server.pid, "SIGTERM");
      await Promise.race([server.exit, delay(STOP_TIMEOUT_MS, null, { ref: false })]);
      if (server.ended === null) signalProcess(server.pid, "SIGKILL");
      for (const pid of descendants) signalProcess(pid, "SIGKILL");
    }
    await server.exit;
  }

  async stop() {
    await Promise.all(this.#servers.map((server) => this.end(server)));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

export function logTail(server) {
  if (!server.log || !existsSync(server.log)) return "";
  return readFileSync(server.log, "utf8").split("\n").slice(-20).join("\n");
}

/** Polls `probe` until it gives something other than undefined, the server ends, or the time is up. */
export async function until(server, what, probe) {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (server.ended !== null) throw new Failure(`${server.name} ended (${server.ended}):\n${logTail(server)}`);
    const found = await probe().catch(() => undefined);
    if (found !== undefined) return found;
    await delay(POLL_MS);
  }
  throw new Failure(`${server.name}: no ${what} within ${START_TIMEOUT_MS / 1000} s\n${logTail(server)}`);
}

/** One HTTP request: its status, body, and the time until the whole body was there. */
export function get(port, { host, path = "/", method = "GET", headers = {}, body: sent, agent, timeoutMs = 30_000 } = {}) {
  return new Promise((done, fail) => {
    const started = performance.now();
    const sentHeaders = { ...(host && { host }), ...headers };
    const outgoing = request({ host: "127.0.0.1", port, path, method, agent, headers: sentHeaders, timeout: timeoutMs }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, body, ms: performance.now() - started }));
      response.on("error", fail);
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.on("error", fail);
    outgoing.end(sent);
  });
}

export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// --- What a process and its descendants cost, from /proc ---

function stat(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may itself hold spaces and parentheses; the fields after it do not.
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** The process and everything it started that still runs. */
export function processTree(root) {
  const children = new Map();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = Number(stat(entry)[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // It ended while the folder was read.
    }
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

const ticksPerSecond = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout) || 100;

/** CPU seconds, user and system, of the process tree: all threads, and children that were waited for. */
export function cpuSeconds(root) {
  let ticks = 0;
  for (const pid of processTree(root)) {
    const [utime, stime, cutime, cstime] = stat(pid).slice(11, 15).map(Number);
    ticks += utime + stime + cutime + cstime;
  }
  return ticks / ticksPerSecond;
}

/** Resident memory of the process tree in MiB: RSS, and PSS (pages shared with others counted by share). */
export function memoryMiB(root) {
  let rss = 0;
  let pss = 0;
  for (const pid of processTree(root)) {
    rss += kib(`/proc/${pid}/status`, "VmRSS");
    pss += kib(`/proc/${pid}/smaps_rollup`, "Pss");
  }
  return { rss: rss / 1024, pss: pss / 1024 };
}

function kib(file, field) {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(file, "utf8"))?.[1] ?? 0);
}

// --- Programs ---

/** Where the pinned peers lie. Where install scripts are off, only the platform packages hold the programs. */
const PROGRAMS = {
  workerd: ["@cloudflare/workerd-linux-64/bin/workerd", "@cloudflare/workerd-linux-arm64/bin/workerd"],
  deno: ["@deno/linux-x64-glibc/deno", "@deno/linux-arm64-glibc/deno"],
  bun: ["@oven/bun-linux-x64/bin/bun", "@oven/bun-linux-aarch64/bin/bun", "bun/bin/bun.exe"],
};

export function program(name, nanod) {
  if (name === "node") return process.execPath;
  if (name === "nano") {
    const path = resolve(nanod ?? join(repositoryDir, "target/release/nanod"));
    if (existsSync(path)) return path;
    throw new Failure(`nanod is not at ${path}: build it with \`cargo build --release\`, or name it with --nanod`);
  }
  const found = PROGRAMS[name].map((path) => join(benchDir, "node_modules", path)).find((path) => existsSync(path));
  if (!found) throw new Failure(`${name} is not installed: run \`npm --prefix bench ci\``);
  return found;
}

export function version(command, flag = "--version") {
  const { stdout, stderr } = spawnSync(command, [flag], { encoding: "utf8", timeout: 20_000 });
  // nginx writes it to standard error.
  return /\d+\.\d+\.\d+[\w.+-]*/.exec(`${stdout}${stderr}`)?.[0] ?? "unknown";
}

/** workerd names no version but a date; npm's number says which build it is. */
export function pinnedVersion(name) {
  const { dependencies } = JSON.parse(readFileSync(join(benchDir, "package.json"), "utf8"));
  return dependencies[name];
}

export function machine() {
  const [{ model }] = cpus();
  return { cpu: model.trim(), cores: cpus().length, kernel: release(), memoryGiB: Math.round(totalmem() / 2 ** 30) };
}

// --- Figures ---

export const median = (values) => quantile(values, 0.5);

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}

/** Turns the options of these names into numbers, which must be whole and at least 1. One that is not given stays so. */
export function wholeNumbers(options, names) {
  for (const name of names) {
    if (options[name] === undefined) continue;
    options[name] = Number(options[name]);
    if (!Number.isInteger(options[name]) || options[name] < 1) throw new Failure(`--${name} must be a whole number from 1`);
  }
}

/** Options as they are kept with a result: without paths of the machine. */
export function told({ nanod, out, ...options }) {
  return options;
}

/** Three significant digits are as many as such figures have; whole numbers from 100 on. */
export function figure(value) {
  if (value === undefined || Number.isNaN(value)) return "-";
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(3);
}

export function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** Runs `main`, and says in one sentence what the user can act on. */
export async function launch(main) {
  try {
    await main();
  } catch (error) {
    const expected = error instanceof Failure || error.code?.startsWith("ERR_PARSE_ARGS");
    console.error(expected ? `error: ${error.message}` : error);
    process.exitCode = 1;
  }
  // A body that lost the race against a signal may still hold sockets.
  process.exit();
}

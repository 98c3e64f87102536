// A streaming proxy: large bodies go through an app from an upstream to clients. What does a gigabyte cost, beside
// workerd and nginx? See README.md in this folder.

import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, get, launch, logTail, machine, median, memoryMiB,
  pinnedVersion, program, table, told, until, version, wholeNumbers,
} from "./lib.mjs";
import { pattern } from "./proxy/pattern.mjs";

const HOST = "proxy.localhost";
const PATH = "/file.bin";
const WARM_UP_SECONDS = 1;
const UNTOUCHED_MB = 64;
/** Streams in JavaScript may be slow, and in the rounds of a peer some answers must be complete. */
const TRANSFORMED_MB = 8;

const PEERS = {
  nano: { label: "NANO", start: startNano },
  workerd: { label: "workerd", start: startWorkerd },
  nginx: { label: "nginx", start: (fleet, given) => startNginx(fleet, "nginx", "on", given), native: true },
  "nginx-unbuffered": { label: "nginx, unbuffered", start: (fleet, given) => startNginx(fleet, "nginx-unbuffered", "off", given), native: true },
};

function readOptions() {
  const { values } = parseArgs({
    options: {
      transform: { type: "boolean", default: false },
      only: { type: "string" },
      "size-mb": { type: "string" },
      connections: { type: "string", default: "4" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values };
  options["size-mb"] ??= values.transform ? TRANSFORMED_MB : UNTOUCHED_MB;
  wholeNumbers(options, ["size-mb", "connections", "rounds", "seconds"]);
  // nginx runs no JavaScript of these, and may not be there.
  const possible = Object.keys(PEERS).filter((name) => !PEERS[name].native || (!values.transform && nginxProgram()));
  options.only = values.only?.split(",") ?? possible;
  const unknown = options.only.find((name) => !possible.includes(name));
  if (unknown !== undefined) throw new Failure(`no peer "${unknown}" for this; there are ${possible.join(", ")}`);
  options.bytes = options["size-mb"] * 2 ** 20;
  return options;
}

function nginxProgram() {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "nginx")).find((path) => existsSync(path));
}

// --- The upstream, and the proxies ---

/** nginx with a configuration of our own, in the foreground, with all that it writes in one folder. */
function runNginx(fleet, name, http) {
  const dir = join(fleet.dir, name);
  mkdirSync(dir);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${join(dir, kind)};`);
  // Its worker would be another user otherwise, who may not read this run's files.
  const user = process.getuid() === 0 ? `user ${userInfo().username} root;` : "";
  writeFileSync(join(dir, "nginx.conf"), `${user}
daemon off;
pid ${join(dir, "pid")};
error_log stderr;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  ${temporary.join("\n  ")}
  ${http}
}
`);
  return fleet.start(name, nginxProgram(), ["-p", dir, "-c", join(dir, "nginx.conf"), "-e", "stderr"]);
}

/** Sends a file from the page cache: no proxy is faster than it. */
async function startUpstream(fleet, options) {
  const port = await freePort();
  const folder = join(fleet.dir, "files");
  mkdirSync(folder);
  let server;
  if (nginxProgram()) {
    writeFileSync(join(folder, PATH), pattern(0, options.bytes));
    server = runNginx(fleet, "upstream", `sendfile on; tcp_nopush on; server { listen 127.0.0.1:${port}; root ${folder}; }`);
  } else {
    server = fleet.start("upstream", program("node"), [join(benchDir, "proxy/upstream.mjs"), String(port), String(options.bytes)]);
  }
  return { name: "upstream", label: "no proxy", server, port, runs: [] };
}

function writeWorker(fleet, name, file, options) {
  const dir = join(fleet.dir, name);
  mkdirSync(join(dir, "app"), { recursive: true });
  cpSync(join(benchDir, "proxy", options.transform ? "transforming.mjs" : "passing.mjs"), join(dir, "app", file));
  return dir;
}

function startNano(fleet, { port, adminPort, upstream, options }) {
  const dir = writeWorker(fleet, "nano", "index.mjs", options);
  const config = {
    listen: `127.0.0.1:${port}`,
    admin: { listen: `127.0.0.1:${adminPort}` },
    apps: [{
      name: "proxy", hostname: HOST, path: "./app",
      env: { UPSTREAM: upstream }, egress: { allow: ["127.0.0.0/8"] },
      // JavaScript in the way of each chunk costs CPU for as long as the body lasts.
      ...(options.transform && { cpu_ms: 60_000 }),
    }],
  };
  writeFileSync(join(dir, "nano.json"), JSON.stringify(config, null, 2));
  return fleet.start("nano", program("nano", options.nanod), ["serve", join(dir, "nano.json")]);
}

function startWorkerd(fleet, { port, upstream, options }) {
  const dir = writeWorker(fleet, "workerd", "worker.mjs", options);
  writeFileSync(join(dir, "config.capnp"), `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .proxy),
    (name = "loopback", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);

const proxy :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "app/worker.mjs")],
  compatibilityDate = "2026-01-01",
  bindings = [(name = "UPSTREAM", text = "${upstream}")],
  globalOutbound = "loopback",
);
`);
  return fleet.start("workerd", program("workerd"), ["serve", join(dir, "config.capnp")]);
}

/** Buffered it streams as well: what is not sent yet waits in 512 KiB. Unbuffered, a connection has but one buffer. */
function startNginx(fleet, name, buffering, { port, upstream }) {
  return runNginx(fleet, name, `upstream behind { server ${new URL(upstream).host}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering ${buffering};
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_max_temp_file_size 0;
    }
  }`);
}

async function startPeer(fleet, name, upstream, options) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const server = PEERS[name].start(fleet, { port, adminPort, upstream: `http://127.0.0.1:${upstream.port}`, options });
  const { status, body } = await until(server, "answer", () => get(port, { host: HOST, path: "/no-such-file" }));
  // The Node upstream has but one answer; nginx tells that the path goes through.
  if (nginxProgram() && status !== 404) throw new Failure(`${name} answered ${status} ${body.slice(0, 500)}\n${logTail(server)}`);
  return { name, label: PEERS[name].label, version: peerVersion(name, options), server, port, runs: [] };
}

function peerVersion(name, options) {
  if (name === "workerd") return pinnedVersion("workerd");
  return PEERS[name].native ? version(nginxProgram(), "-v") : version(program(name, options.nanod));
}

// --- Load ---

/** The client is a process of its own: it ends with an error at the first byte that is not where it should be. */
async function drive(fleet, peer, options, seconds) {
  const args = [join(benchDir, "proxy/client.mjs"), peer.port, HOST, PATH, options.bytes, options.connections, seconds].map(String);
  const before = cpuSeconds(peer.server.pid);
  const output = await fleet.run(program("node"), args, (seconds + 20) * 1000).catch((error) => {
    throw new Failure(`${peer.name}: ${error.message}\n${logTail(peer.server)}`);
  });
  const cpu = cpuSeconds(peer.server.pid) - before;
  const { bytes, answers, seconds: took } = JSON.parse(output);
  if (peer.server.ended !== null) throw new Failure(`${peer.name} ended (${peer.server.ended}):\n${logTail(peer.server)}`);
  const gb = bytes / 1e9;
  return { bytes, answers, seconds: took, gbPerSecond: gb / took, cpuSeconds: cpu, cpuPerGb: cpu / gb, ...memoryMiB(peer.server.pid) };
}

/** Rounds are interleaved and start with another peer each time: drift of the machine hits all alike. */
async function driveAll(fleet, peers, options) {
  for (const peer of peers) await drive(fleet, peer, options, WARM_UP_SECONDS);
  for (let round = 0; round < options.rounds; round++) {
    const shift = round % peers.length;
    for (const peer of [...peers.slice(shift), ...peers.slice(0, shift)]) {
      const run = await drive(fleet, peer, options, options.seconds);
      peer.runs.push(run);
      console.error(`round ${round + 1}/${options.rounds} ${peer.label}: ${figure(run.gbPerSecond)} GB/s, ${figure(run.cpuPerGb)} s CPU for each GB`);
    }
  }
  const without = peers.find(({ runs }) => runs.every(({ answers }) => answers === 0));
  if (without) throw new Failure(`${without.name}: no answer was complete within ${options.seconds} s: it needs more --seconds, or a smaller --size-mb`);
}

// --- Report ---

function report(peers, options, date) {
  const rows = peers.map((peer) => {
    const of = (key) => median(peer.runs.map((run) => run[key]));
    const mostRss = peer.runs.reduce((most, { rss }) => Math.max(most, rss), 0);
    return { peer, gbPerSecond: of("gbPerSecond"), cpuPerGb: of("cpuPerGb"), mostRss };
  });
  const nano = rows.find(({ peer }) => peer.name === "nano");
  const ratio = (row, key) => (nano && row !== nano && row.peer.name !== "upstream" ? figure(nano[key] / row[key]) : "-");
  const head = ["proxy", "GB/s", "CPU s/GB", "RSS MiB", "GB/s NANO/peer", "CPU NANO/peer"];
  const cells = rows.map((row) => [
    `${row.peer.label} ${row.peer.version ?? ""}`.trim(), figure(row.gbPerSecond), figure(row.cpuPerGb), figure(row.mostRss),
    ratio(row, "gbPerSecond"), ratio(row, "cpuPerGb"),
  ]);
  const { cpu, cores, kernel, memoryGiB } = machine();
  const through = options.transform ? "through a TransformStream with an identity function in JavaScript" : "untouched";
  return `# Streaming proxy${options.transform ? ", through JavaScript" : ""}, ${date}

${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}. Bodies of ${options["size-mb"]} MiB go from an upstream
(${nginxProgram() ? "nginx with sendfile" : "Node"}) through the proxy, ${through}, to a client on ${options.connections} connections, all on the same machine;
${options.rounds} rounds of ${options.seconds} s for each proxy, in rotating order. Medians over the rounds; the largest RSS after one.

${table(head, cells)}

CPU is user and system time of the proxy's processes alone, neither the upstream's nor the client's; in the first row it
is the upstream's. In the last two columns NANO is better where "GB/s" is above 1 and "CPU" below 1.
`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  for (const name of options.only) if (!PEERS[name].native) program(name, options.nanod);
  const work = (options.only.length + 1) * (options.rounds * (options.seconds + 2) + WARM_UP_SECONDS + 62);
  const peers = await Fleet.within(work * 1000 + 30_000, async (fleet) => {
    const upstream = await startUpstream(fleet, options);
    await until(upstream.server, "answer", () => get(upstream.port, { path: "/no-such-file" }));
    const started = [upstream];
    for (const name of options.only) started.push(await startPeer(fleet, name, upstream, options));
    await driveAll(fleet, started, options);
    return started;
  });
  const text = report(peers, options, date);
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-proxy${options.transform ? "-transform" : ""}`);
  const raw = { date, machine: machine(), options: told(options), peers: peers.map(({ name, version, runs }) => ({ name, version, runs })) };
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify(raw, null, 2)}\n`);
  console.log(text);
});

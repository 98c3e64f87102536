// Many clients of server-sent events on one process, and some that ask for a flood and do not read it: what memory they
// take while they are there, and what is left of it when they are gone. See README.md in this folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, freePort, get, launch, machine, memoryMiB, program, quantile, table,
  told, until, version, wholeNumbers,
} from "./lib.mjs";

const CONNECTING_AT_ONCE = 64;
const FIRST_EVENT_LIMIT_MS = 60_000;
const GONE_LIMIT_MS = 60_000;
const BODY_MARK = "data: ";

/** Every client gets an event at once, and one each second, which says when it was made. */
const EVENTS_APP = `const encoder = new TextEncoder();
export default {
  fetch() {
    let timer;
    const body = new ReadableStream({
      start(controller) {
        const send = () => controller.enqueue(encoder.encode(\`data: \${Date.now()}\\n\\n\`));
        timer = setInterval(send, 1000);
        send();
      },
      cancel() {
        clearInterval(timer);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  },
};
`;

/** As many bytes as the client takes. */
const FLOOD_APP = `export default {
  fetch() {
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(65536).fill(46));
      },
    });
    return new Response(body);
  },
};
`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      clients: { type: "string", default: "10000" },
      apps: { type: "string", default: "100" },
      stalled: { type: "string", default: "500" },
      seconds: { type: "string", default: "20" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values };
  wholeNumbers(options, ["clients", "apps", "stalled", "seconds"]);
  return options;
}

function start(fleet, ports, options) {
  const perApp = Math.ceil(options.clients / options.apps);
  const names = Array.from({ length: options.apps }, (_, index) => `events-${index}`);
  for (const name of [...names, "flood"]) {
    mkdirSync(join(fleet.dir, name));
    writeFileSync(join(fleet.dir, name, "index.mjs"), name === "flood" ? FLOOD_APP : EVENTS_APP);
  }
  const app = (name, maxInFlight) => ({ name, hostname: `${name}.localhost`, path: `./${name}`, max_in_flight: maxInFlight });
  const config = {
    listen: `127.0.0.1:${ports.http}`,
    admin: { listen: `127.0.0.1:${ports.admin}` },
    apps: [...names.map((name) => app(name, perApp)), app("flood", options.stalled)],
  };
  writeFileSync(join(fleet.dir, "nano.json"), JSON.stringify(config, null, 2));
  return { server: fleet.start("nano", program("nano", options.nanod), ["serve", join(fleet.dir, "nano.json")]), names };
}

/** One client on a bare socket; `onEvent` gets the time that each event carries. It settles at the first of them. */
function subscribe(port, host, onEvent) {
  return new Promise((done, fail) => {
    const socket = createConnection({ host: "127.0.0.1", port }, () => {
      socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    });
    const limit = setTimeout(() => fail(new Failure(`${host}: no event within ${FIRST_EVENT_LIMIT_MS / 1000} s`)), FIRST_EVENT_LIMIT_MS);
    socket.setEncoding("latin1");
    socket.on("error", fail);
    socket.on("close", () => fail(new Failure(`${host}: closed`)));
    socket.on("data", (text) => {
      // An event goes in one write of the server, so its line is never torn on loopback.
      for (let at = text.indexOf(BODY_MARK); at >= 0; at = text.indexOf(BODY_MARK, at + 1)) {
        onEvent(Number(text.slice(at + BODY_MARK.length, text.indexOf("\n", at))));
        clearTimeout(limit);
        done(socket);
      }
    });
  });
}

/** A client that reads its answer's head and nothing further. */
function stall(port) {
  return new Promise((done, fail) => {
    const socket = createConnection({ host: "127.0.0.1", port }, () => socket.write("GET / HTTP/1.1\r\nhost: flood.localhost\r\n\r\n"));
    socket.on("error", fail);
    socket.once("data", () => {
      socket.pause();
      done(socket);
    });
  });
}

async function many(count, make) {
  const sockets = [];
  const numbers = Array(count).keys();
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, async () => {
    for (const index of numbers) sockets.push(await make(index));
  }));
  return sockets;
}

async function inFlight(ports) {
  const { body } = await get(ports.admin, { path: "/metrics" });
  return [...body.matchAll(/^nano_in_flight\S* (\d+)/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
}

async function measure(fleet, options) {
  const ports = { http: await freePort(), admin: await freePort() };
  const { server, names } = start(fleet, ports, options);
  await until(server, "200 from /ready", async () => {
    const { status } = await get(ports.admin, { path: "/ready" });
    return status === 200 ? true : undefined;
  });
  const empty = memoryMiB(server.pid);

  // Every app's isolate is there before the first figure that clients are compared with.
  const warm = await many(names.length, (index) => subscribe(ports.http, `${names[index]}.localhost`, () => {}));
  for (const socket of warm) socket.destroy();
  await until(server, "end of the first clients", async () => ((await inFlight(ports)) === 0 ? true : undefined));
  const isolates = memoryMiB(server.pid);

  const lateMs = [];
  let events = 0;
  const onEvent = (madeAt) => {
    events += 1;
    lateMs.push(Date.now() - madeAt);
  };
  const clients = await many(options.clients, (index) => subscribe(ports.http, `${names[index % names.length]}.localhost`, onEvent));
  const stalled = await many(options.stalled, () => stall(ports.http));
  const connected = memoryMiB(server.pid);

  events = 0;
  lateMs.length = 0;
  const cpuBefore = cpuSeconds(server.pid);
  let peak = connected.rss;
  const began = performance.now();
  while (performance.now() - began < options.seconds * 1000) {
    await delay(1000);
    peak = Math.max(peak, memoryMiB(server.pid).rss);
  }
  const seconds = (performance.now() - began) / 1000;
  const cpu = (cpuSeconds(server.pid) - cpuBefore) / seconds;
  const streaming = { seconds, events, perSecond: events / seconds, cpu, peak, p50Ms: quantile(lateMs, 0.5), p99Ms: quantile(lateMs, 0.99), maxMs: lateMs.reduce((a, b) => Math.max(a, b), 0) };
  const open = await inFlight(ports);
  if (open < options.clients) throw new Failure(`only ${open} requests were in flight at the end`);

  for (const socket of [...clients, ...stalled]) {
    socket.removeAllListeners("close");
    socket.destroy();
  }
  const leaving = performance.now();
  await until(server, "end of all clients", async () => ((await inFlight(ports)) === 0 ? true : undefined));
  const goneMs = performance.now() - leaving;
  if (goneMs > GONE_LIMIT_MS) throw new Failure(`clients were still there after ${goneMs} ms`);
  await delay(2000);
  const after = memoryMiB(server.pid);
  return { empty, isolates, connected, streaming, open, goneMs, after };
}

function report(result, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  const { streaming } = result;
  const streams = options.clients + options.stalled;
  const rows = [
    ["RSS before any request", `${figure(result.empty.rss)} MiB`],
    [`RSS with an isolate for each of ${options.apps} apps`, `${figure(result.isolates.rss)} MiB`],
    [`RSS with ${options.clients} readers and ${options.stalled} clients that do not read`, `${figure(result.connected.rss)} MiB`],
    ["the most of it while streaming", `${figure(streaming.peak)} MiB`],
    ["that for each open stream", `${figure(((streaming.peak - result.isolates.rss) * 1024) / streams)} KiB`],
    ["events a second", figure(streaming.perSecond)],
    ["an event's way from the app to its client: p50, p99, longest", `${figure(streaming.p50Ms)}, ${figure(streaming.p99Ms)}, ${figure(streaming.maxMs)} ms`],
    ["CPU of the server", `${figure(streaming.cpu)} of a core`],
    ["requests in flight at the end", figure(result.open)],
    ["all of them gone after their clients left", `${figure(result.goneMs)} ms`],
    ["RSS two seconds later", `${figure(result.after.rss)} MiB`],
  ];
  return `# Server-sent events: ${options.clients} clients, ${date}

NANO ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.
${options.apps} apps send each of their clients an event a second, for ${options.seconds} s; ${options.stalled} further clients ask for an endless
body and do not read it. The clients are sockets of one Node process on the same machine.

${table(["what", "figure"], rows)}
`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const versionText = version(program("nano", options.nanod));
  const limit = 4 * FIRST_EVENT_LIMIT_MS + 1000 * options.seconds;
  const result = await Fleet.within(limit, (fleet) => measure(fleet, options));
  const text = report(result, options, date, versionText);
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-sse-${options.clients}-${options.apps}`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify({ date, version: versionText, options: told(options), machine: machine(), ...result }, null, 2)}\n`);
  console.log(text);
});

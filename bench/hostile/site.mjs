// A nanod with an honest app and hostile ones, the honest one's clients, and what the process costs.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { benchDir, freePort, get, memoryMiB, program, quantile, until } from "../lib.mjs";

const HONEST_APP = `const encoder = new TextEncoder();
export default {
  async fetch(request) {
    if (new URL(request.url).pathname !== "/stream") return new Response("hello");
    const body = new ReadableStream({
      async start(controller) {
        for (let i = 0; i < 3; i += 1) {
          controller.enqueue(encoder.encode(i + "\\n"));
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        controller.close();
      },
    });
    return new Response(body);
  },
};
`;

/** Open descriptors but for the connections of clients, which come and go with the load. */
function descriptors(pid, port) {
  const clients = new Set();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").slice(1)) {
    const [, local, , , , , , , , inode] = line.trim().split(/\s+/);
    if (local && Number.parseInt(local.split(":")[1], 16) === port) clients.add(`socket:[${inode}]`);
  }
  let count = 0;
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (!clients.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`))) count += 1;
    } catch {
      // It was closed while the folder was read.
    }
  }
  return count;
}

/** Requests a second of the honest app's clients. */
const HONEST_RATE = 200;

export class Site {
  #load;

  /** `apps`: `{ name, files, settings }`, each answering to `<name>.localhost`. */
  static async open(fleet, name, apps, { nanod, top = {} }) {
    const site = new Site();
    site.dir = join(fleet.dir, name);
    site.ports = { http: await freePort(), admin: await freePort() };
    const honest = { name: "honest", files: { "index.mjs": HONEST_APP }, settings: { idle_ms: 3_600_000 } };
    const all = [honest, ...apps];
    for (const app of all) {
      for (const [file, content] of Object.entries(app.files)) {
        const path = join(site.dir, app.name, file);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, content);
      }
    }
    const config = {
      listen: `127.0.0.1:${site.ports.http}`,
      admin: { listen: `127.0.0.1:${site.ports.admin}` },
      ...top,
      apps: all.map(({ name, settings }) => ({ name, hostname: `${name}.localhost`, path: `./${name}`, ...settings })),
    };
    writeFileSync(join(site.dir, "nano.json"), JSON.stringify(config, null, 2));
    site.fleet = fleet;
    site.server = fleet.start(name, program("nano", nanod), ["serve", join(site.dir, "nano.json"), "--log-format", "json"]);
    await until(site.server, "200 from /ready", async () => {
      const { status } = await get(site.ports.admin, { path: "/ready" });
      return status === 200 ? true : undefined;
    });
    const load = join(benchDir, "hostile/load.mjs");
    site.#load = fork(load, [String(site.ports.http), String(HONEST_RATE)], { stdio: "inherit" });
    return site;
  }

  get alive() {
    return this.server.ended === null;
  }

  /** What the honest app's clients saw since the last call. */
  async honest() {
    this.#load.send("report");
    const [{ times, errors, lagP99Ms, lagMaxMs }] = await once(this.#load, "message");
    const figures = (values) => (values.length === 0 ? { count: 0 } : {
      count: values.length, p50Ms: quantile(values, 0.5), p99Ms: quantile(values, 0.99), maxMs: values.reduce((a, b) => Math.max(a, b), 0),
    });
    return { hello: figures(times["/"]), stream: figures(times["/stream"]), errors, lagP99Ms, lagMaxMs };
  }

  async metrics() {
    const { body } = await get(this.ports.admin, { path: "/metrics", timeoutMs: 20_000 });
    return (name, app, more = "") => {
      const series = new RegExp(`^${name}(?:_total)?\\{app="${app}"${more}\\} (\\S+)`, "m");
      return Number(series.exec(body)?.[1] ?? 0);
    };
  }

  /** CPU seconds, ends, losses and what is there now, of one app. */
  async figures(app) {
    const metric = await this.metrics();
    const ended = (reason) => metric("nano_terminations", app, `,reason="${reason}"`);
    return {
      cpuSeconds: metric("nano_cpu_seconds", app),
      ended: ended("cpu_limit") + ended("memory_limit") + ended("timeout"),
      lost: metric("nano_lost_isolates", app),
      isolates: metric("nano_isolates", app),
      inFlight: metric("nano_in_flight", app),
    };
  }

  cost() {
    const { pid } = this.server;
    return {
      rss: memoryMiB(pid).rss,
      threads: readdirSync(`/proc/${pid}/task`).length,
      descriptors: descriptors(pid, this.ports.http),
    };
  }

  threadNames() {
    const { pid } = this.server;
    const names = {};
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      try {
        const name = readFileSync(`/proc/${pid}/task/${task}/comm`, "utf8").trim();
        names[name] = (names[name] ?? 0) + 1;
      } catch {
        // It ended while the folder was read.
      }
    }
    return names;
  }

  /** One request to a hostile app: the answer in short, as "503 cpu_limit", and the time that it took. */
  ask(app, { path = "/", agent, method = "GET", headers = {}, body, leaveAfterMs, timeoutMs = 30_000 } = {}) {
    const started = performance.now();
    return new Promise((done) => {
      const answered = (answer) => done({ answer, ms: performance.now() - started });
      const options = { host: "127.0.0.1", port: this.ports.http, path, agent, method, headers: { host: `${app}.localhost`, ...headers } };
      const outgoing = request(options, (response) => {
        const code = response.headers["x-nano-error"];
        const status = code ? `${response.statusCode} ${code}` : String(response.statusCode);
        response.resume();
        response.on("end", () => answered(status));
        response.on("error", () => answered(`${status}, cut`));
      });
      outgoing.on("error", (error) => answered(error.code ?? error.message));
      const limit = setTimeout(() => outgoing.destroy(new Error(leaveAfterMs ? "left" : "NO ANSWER")), leaveAfterMs ?? timeoutMs);
      outgoing.on("close", () => clearTimeout(limit));
      if (body) body(outgoing);
      else outgoing.end();
    });
  }

  /** Waits until an app's requests are through and its idle isolates gone. */
  async quiet(app, limitMs) {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const { isolates, inFlight } = await this.figures(app);
      if (isolates + inFlight === 0) return true;
      if (performance.now() > deadline) return false;
      await delay(50);
    }
  }

  async close() {
    this.#load.disconnect();
    await this.fleet.end(this.server);
  }
}

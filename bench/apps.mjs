// Many small apps, the two ways to host them in one process, and one request to each.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, cpuSeconds, get, logTail, program, quantile, until } from "./lib.mjs";

/** Writes that many apps into the folder. Each answers its name, and does `work` rounds of arithmetic before. */
export function writeApps(dir, count, work = 0) {
  return Array.from({ length: count }, (_, index) => {
    const name = `app-${String(index).padStart(4, "0")}`;
    mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, name, "index.mjs"), work > 0 ? working(name, work) : `export default {
  fetch() {
    return new Response("${name}", { headers: { "content-type": "text/plain" } });
  },
};
`);
    return { name, hostname: `${name}.localhost` };
  });
}

/** The sum is in the answer: arithmetic of which nothing is seen would be optimised away. */
const working = (name, work) => `export default {
  fetch() {
    let sum = 0;
    for (let round = 0; round < ${work}; round++) sum = (sum * 31 + round) | 0;
    return new Response("${name}", { headers: { "content-type": "text/plain", "x-sum": String(sum) } });
  },
};
`;

export function serveNano(fleet, { name = "nano", dir, ports, apps, nanod, threads }) {
  const config = {
    listen: `127.0.0.1:${ports.http}`,
    admin: { listen: `127.0.0.1:${ports.admin}` },
    ...(threads && { threads }),
    // No app may be evicted between its first request and the last measurement.
    defaults: { idle_ms: 3_600_000 },
    apps: apps.map(({ name, hostname, env }) => ({ name, hostname, path: `./${name}`, env })),
  };
  writeFileSync(join(dir, "nano.json"), JSON.stringify(config, null, 2));
  return fleet.start(name, program("nano", nanod), ["serve", join(dir, "nano.json")]);
}

export async function nanoReady(server, ports) {
  await until(server, "200 from /ready", async () => {
    const { status } = await get(ports.admin, { path: "/ready", timeoutMs: 5_000 });
    return status === 200 ? true : undefined;
  });
  return performance.now() - server.startedAt;
}

/** workerd does not route by Host: a worker in front passes each request on to the app's service binding. */
export function serveWorkerd(fleet, { name = "workerd", dir, ports, apps }) {
  writeFileSync(join(dir, "router.mjs"), `export default {
  fetch(request, env) {
    return env[new URL(request.url).hostname.split(".")[0]].fetch(request);
  },
};
`);
  const service = ({ name }) => `(name = "${name}", worker = (modules = [(name = "worker", esModule = embed "${name}/index.mjs")], compatibilityDate = "2026-01-01"))`;
  writeFileSync(join(dir, "config.capnp"), `using Workerd = import "/workerd/workerd.capnp";

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
  return fleet.start(name, program("workerd"), ["serve", join(dir, "config.capnp")]);
}

/** One request; an answer that is not its app's is a failure. */
export async function askOne(server, port, app, agent) {
  const answer = await get(port, { host: app.hostname, agent });
  if (answer.status === 200 && answer.body === app.name) return answer;
  throw new Failure(`${app.hostname} answered ${answer.status} ${JSON.stringify(answer.body)}\n${logTail(server)}`);
}

export async function askAll(server, port, apps, agent, connections) {
  const times = [];
  const left = apps.values();
  const before = cpuSeconds(server.pid);
  const started = performance.now();
  // One iterator, several takers: each connection asks for the next app as soon as its last answer is complete.
  await Promise.all(Array.from({ length: connections }, async () => {
    for (const app of left) times.push((await askOne(server, port, app, agent)).ms);
  }));
  const cpu = cpuSeconds(server.pid) - before;
  const seconds = (performance.now() - started) / 1000;
  const maxMs = times.reduce((most, ms) => Math.max(most, ms), 0);
  return { seconds, cpuSeconds: cpu, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs };
}

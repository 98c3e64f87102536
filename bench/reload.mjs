// Ten apps under steady load while their sources and their configuration change a hundred times, and others come and go:
// every answer must be of the app and the revision that it should be, and none may fail. See README.md in this folder.

import { Agent } from "node:http";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Failure, Fleet, benchDir, figure, freePort, get, launch, logTail, machine, memoryMiB, program, quantile, table, told, until, version } from "./lib.mjs";

const APPS = 10;
const WARM_MS = 5_000;
const SETTLE_MS = 5_000;
const CONNECTIONS_EACH = 8;
/** A change has to be seen within this. */
const SEEN_WITHIN_MS = 20_000;
const P99_FACTOR_MAX = 2;

function readOptions() {
  const { values } = parseArgs({
    options: {
      changes: { type: "string", default: "100" },
      rate: { type: "string", default: "200" },
      "steady-s": { type: "string", default: "20" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const numbers = { changes: Number(values.changes), rate: Number(values.rate), steadyMs: Number(values["steady-s"]) * 1000 };
  if (!Object.values(numbers).every((number) => number > 0)) throw new Failure("--changes, --rate and --steady-s are numbers above 0");
  return { ...values, ...numbers };
}

/** What an app answers: its name, the number of its source, and the number of its variables. */
const source = (name, number) =>
  `const NUMBER = ${number};\nexport default { fetch: (request, env) => new Response("${name} " + NUMBER + " " + env.NUMBER) };\n`;

/** An editor's way to save: no reader ever sees half of it. */
function save(path, text) {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

class Site {
  apps = new Map();
  errors = {};
  times = [];
  answers = 0;
  #stopped = false;

  static async open(fleet, options) {
    const site = new Site();
    site.dir = join(fleet.dir, "reload");
    site.port = await freePort();
    site.admin = await freePort();
    site.rate = options.rate;
    mkdirSync(join(site.dir, "apps"), { recursive: true });
    for (let index = 0; index < APPS; index += 1) site.add(`app-${index}`, true);
    site.configure();
    site.server = fleet.start("nanod", program("nano", options.nanod), ["serve", join(site.dir, "nano.json"), "--log-format", "json"]);
    await until(site.server, "200 from /ready", async () => ((await get(site.admin, { path: "/ready" })).status === 200 ? true : undefined));
    return site;
  }

  add(name, inConfig) {
    const app = { name, host: `${name}.localhost`, source: 1, env: 1, hosts: [`${name}.localhost`], inConfig, seen: [0, 0] };
    app.agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_EACH });
    this.apps.set(name, app);
    mkdirSync(join(this.dir, "apps", name), { recursive: true });
    this.saveSource(app);
    return app;
  }

  saveSource(app) {
    save(join(this.dir, "apps", app.name, "index.js"), source(app.name, app.source));
  }

  configure() {
    const apps = [...this.apps.values()].filter((app) => app.inConfig).map(({ name, hosts, env }) => (
      { name, hostnames: hosts, path: `./apps/${name}`, env: { NUMBER: String(env) } }));
    save(join(this.dir, "nano.json"), JSON.stringify({
      listen: `127.0.0.1:${this.port}`, admin: { listen: `127.0.0.1:${this.admin}` }, apps,
    }, null, 2));
  }

  fail(what) {
    this.errors[what] = (this.errors[what] ?? 0) + 1;
  }

  /** One request, judged: of this app, no older than any answer that was there when it was sent, no newer than what was
   * written when it was answered. */
  async ask(app) {
    const seen = [...app.seen];
    const started = performance.now();
    try {
      const { status, headers, body } = await get(this.port, { host: app.host, agent: app.agent });
      this.times.push(performance.now() - started);
      this.answers += 1;
      const [name, ...numbers] = body.split(" ");
      const [sourceNumber, envNumber] = numbers.map(Number);
      if (status !== 200) this.fail(`${status} ${headers["x-nano-error"]}`);
      else if (name !== app.name) this.fail("an answer of another app");
      else if (sourceNumber < seen[0] || envNumber < seen[1]) this.fail("an answer of an older revision than one before");
      else if (sourceNumber > app.source || envNumber > app.env) this.fail("an answer from the future");
      else app.seen = [Math.max(app.seen[0], sourceNumber), Math.max(app.seen[1], envNumber)];
    } catch (error) {
      this.fail(error.code ?? error.message);
    }
  }

  /** Requests at a steady rate, each app's at other moments, whether or not answers come. */
  load() {
    const steady = [...this.apps.values()];
    const startedAt = performance.now();
    const everyMs = 1000 / this.rate;
    const sent = steady.map(() => 0);
    const tick = () => {
      if (this.#stopped) return;
      const elapsed = performance.now() - startedAt;
      steady.forEach((app, index) => {
        const due = Math.floor((elapsed + (index * everyMs) / steady.length) / everyMs);
        for (; sent[index] < due; sent[index] += 1) this.ask(app);
      });
      setTimeout(tick, 1);
    };
    tick();
  }

  stop() {
    this.#stopped = true;
  }

  /** The latencies since the last call. */
  takeTimes() {
    const { times } = this;
    this.times = [];
    return { count: times.length, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs: times.reduce((a, b) => Math.max(a, b), 0) };
  }

  /** Waits until an answer of `host` is what it should be by now. */
  async seen(what, host, expected) {
    const began = performance.now();
    let last;
    while (performance.now() - began < SEEN_WITHIN_MS) {
      const { status, body } = await get(this.port, { host });
      last = status === 200 ? body : String(status);
      if (last === expected) return performance.now() - began;
      await delay(5);
    }
    throw new Failure(`${what}: ${host} still says ${last} instead of ${expected}\n${logTail(this.server)}`);
  }
}

/** The kinds of changes, each as its own text in the report. */
const CHANGES = {
  "source of an app": (site, app) => {
    app.source += 1;
    site.saveSource(app);
    return [app.host, `${app.name} ${app.source} ${app.env}`];
  },
  "variable of an app": (site, app) => {
    app.env += 1;
    site.configure();
    return [app.host, `${app.name} ${app.source} ${app.env}`];
  },
  "host name of an app": (site, app, number) => {
    app.hosts = [app.host, `extra-${number}.localhost`];
    site.configure();
    return [app.hosts[1], `${app.name} ${app.source} ${app.env}`];
  },
  "an app is added": (site, _, number) => {
    const added = site.add(`more-${number}`, true);
    site.configure();
    return [added.host, `${added.name} 1 1`];
  },
  "an app is removed": (site) => {
    const removed = [...site.apps.values()].find((app) => app.name.startsWith("more-"));
    removed.inConfig = false;
    site.configure();
    site.apps.delete(removed.name);
    return [removed.host, "404", () => rmSync(join(site.dir, "apps", removed.name), { recursive: true })];
  },
};

async function measure(fleet, options) {
  const site = await Site.open(fleet, options);
  const steady = [...site.apps.values()];
  site.load();
  await delay(WARM_MS);
  site.takeTimes();
  await delay(options.steadyMs);
  const before = site.takeTimes();
  const rssBefore = memoryMiB(site.server.pid).rss;
  const seenAfter = Object.fromEntries(Object.keys(CHANGES).map((kind) => [kind, []]));
  const kinds = Object.entries(CHANGES);
  const beganAt = performance.now();
  for (let number = 0; number < options.changes; number += 1) {
    const [kind, change] = kinds[number % kinds.length];
    const [host, expected, after] = change(site, steady[number % steady.length], number);
    seenAfter[kind].push(await site.seen(kind, host, expected));
    after?.();
  }
  const tookS = (performance.now() - beganAt) / 1000;
  const during = site.takeTimes();
  await delay(SETTLE_MS);
  const after = site.takeTimes();
  const rssAfter = memoryMiB(site.server.pid).rss;
  site.stop();
  const refused = readFileSync(site.server.log, "utf8").split("\n").filter((line) => line.includes("refused"));
  const findings = Object.entries(site.errors).map(([what, count]) => `${count} x ${what}`);
  if (refused.length > 0) findings.push(`${refused.length} changes were refused: ${refused[0]}`);
  if (during.p99Ms > before.p99Ms * P99_FACTOR_MAX) findings.push(`p99 ${figure(before.p99Ms)} to ${figure(during.p99Ms)} ms`);
  return { before, during, after, rssBefore, rssAfter, seenAfter, tookS, answers: site.answers, errors: site.errors, findings };
}

function report(r, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  const latency = ({ p50Ms, p99Ms, maxMs, count }) => `${figure(p50Ms)} / ${figure(p99Ms)} / ${figure(maxMs)} ms of ${figure(count)}`;
  const rows = [
    ["steady: p50 / p99 / max", latency(r.before)],
    [`during ${options.changes} changes in ${figure(r.tookS)} s`, latency(r.during)],
    ["afterwards", latency(r.after)],
    ["answers, all checked", figure(r.answers)],
    ["RSS before / after", `${figure(r.rssBefore)} / ${figure(r.rssAfter)} MiB`],
    ...Object.entries(r.seenAfter).map(([kind, times]) => [`${kind}: seen after, median / most`, times.length === 0 ? "-"
      : `${figure(quantile(times, 0.5))} / ${figure(Math.max(...times))} ms`]),
    ["findings", r.findings.join("; ") || "none"],
  ];
  return `# Reloads under load, ${date}

NANO ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.
${APPS} apps with ${options.rate} requests/s each.

${table(["what", "figure"], rows)}
`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const versionText = version(program("nano", options.nanod));
  const result = await Fleet.within(options.changes * 3000 + options.steadyMs + 120_000, (fleet) => measure(fleet, options));
  const text = report(result, options, date, versionText);
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, `${date}-reload.md`), text);
  writeFileSync(join(options.out, `${date}-reload.json`), `${JSON.stringify({ date, version: versionText, options: told(options), machine: machine(), ...result }, null, 2)}\n`);
  console.log(text);
  if (result.findings.length > 0) throw new Failure(result.findings.join("; "));
});

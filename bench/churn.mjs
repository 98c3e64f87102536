// Apps that come and go through the admin API, one after the other, while another app is asked all the time; at the end
// the process must cost what it did at the beginning. See README.md in this folder.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, figure, freePort, get, launch, logTail, machine, memoryMiB, program, quantile, table, told,
  until, version,
} from "./lib.mjs";

/** Adds and removes before the first figure: what is allocated once is there then. */
const WARM = 20;
/** Threads that were lent out end after ten idle seconds; memory goes back before. */
const SETTLE_MS = 15_000;
const SAMPLE_EACH = 50;
const ASK_EACH_MS = 5;
const RSS_GROWTH_MAX = 0.1;
const DESCRIPTORS_MORE_MAX = 2;
/** The look at files each few seconds, and a disposed isolate a while ago, keep a thread of the pool. */
const THREADS_MORE_MAX = 2;

const HOST = "come-and-go.test";
/** A few MB of heap, so that one that stays shows. */
const APP = `const data = Array.from({ length: 50_000 }, (_, index) => ({ index }));
export default { fetch: (request, env) => new Response(env.ROUND + " " + data.length) };
`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "500" },
      persist: { type: "boolean", default: false },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const rounds = Number(values.rounds);
  if (!(rounds >= SAMPLE_EACH)) throw new Failure(`--rounds must be a number from ${SAMPLE_EACH} on`);
  return { ...values, rounds };
}

function admin(port, method, path, body) {
  const headers = { host: "localhost", ...(body && { "content-type": "application/json" }) };
  return new Promise((done, fail) => {
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers, timeout: 30_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk)).on("error", fail);
      response.on("end", () => done({ status: response.statusCode, body: JSON.parse(text) }));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path}: no answer`))).on("error", fail);
    outgoing.end(body && JSON.stringify(body));
  });
}

async function expect(what, wanted, answer) {
  const { status, body } = await answer;
  if (status !== wanted) throw new Failure(`${what}: ${status} instead of ${wanted}: ${JSON.stringify(body)}`);
  return body;
}

/** One app comes, answers, and goes. */
async function round(ports, folder, index) {
  const started = performance.now();
  const app = { name: "come-and-go", hostname: HOST, path: join(folder, "app"), env: { ROUND: String(index) } };
  await expect("add", 201, admin(ports.admin, "POST", "/admin/apps", app));
  const added = performance.now();
  const body = await expect("its answer", 200, get(ports.apps, { host: HOST }));
  if (body !== `${index} 50000`) throw new Failure(`round ${index} was answered ${JSON.stringify(body)}`);
  const answered = performance.now();
  await expect("remove", 200, admin(ports.admin, "DELETE", `/admin/apps/${HOST}`));
  return { add: added - started, ask: answered - added, remove: performance.now() - answered };
}

function cost(pid) {
  const threads = readdirSync(`/proc/${pid}/task`).length;
  return { rss: memoryMiB(pid).rss, threads, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** Asks the app that stays until it is told to stop. */
function neighbour(port) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const seen = { times: [], wrong: {} };
  let going = true;
  const done = (async () => {
    while (going) {
      const answer = await get(port, { host: "stays.test", agent }).catch((error) => ({ status: error.code ?? error.message }));
      if (answer.status === 200 && answer.body === "stays") seen.times.push(answer.ms);
      else seen.wrong[answer.status] = (seen.wrong[answer.status] ?? 0) + 1;
      await delay(ASK_EACH_MS);
    }
    agent.destroy();
  })();
  return async () => {
    going = false;
    await done;
    return seen;
  };
}

async function measure(fleet, options) {
  const ports = { apps: await freePort(), admin: await freePort() };
  for (const [name, source] of [["app", APP], ["stays", "export default { fetch: () => new Response('stays') };\n"]]) {
    mkdirSync(join(fleet.dir, name));
    writeFileSync(join(fleet.dir, name, "index.js"), source);
  }
  const file = join(fleet.dir, "nano.json");
  writeFileSync(file, `{
  // This comment stays.
  "listen": "127.0.0.1:${ports.apps}",
  "admin": { "listen": "127.0.0.1:${ports.admin}" },
  "apps": [
    { "hostname": "stays.test", "path": "stays" }, // So does this.
  ],
}
`);
  const text = readFileSync(file, "utf8");
  const server = fleet.start("nanod", program("nano", options.nanod), ["serve", file, ...(options.persist ? ["--persist"] : [])]);
  await until(server, "answer", async () => ((await get(ports.admin, { path: "/ready" })).status === 200 ? true : undefined));
  await get(ports.apps, { host: "stays.test" });
  for (let index = 0; index < WARM; index += 1) await round(ports, fleet.dir, index);
  await delay(SETTLE_MS);
  const before = cost(server.pid);
  const stop = neighbour(ports.apps);
  const times = [];
  const samples = [];
  for (let index = 0; index < options.rounds; index += 1) {
    if (server.ended !== null) throw new Failure(`nanod ended (${server.ended}):\n${logTail(server)}`);
    times.push(await round(ports, fleet.dir, WARM + index));
    if ((index + 1) % SAMPLE_EACH === 0) samples.push({ rounds: index + 1, ...cost(server.pid) });
  }
  const neighbourSaw = await stop();
  await delay(SETTLE_MS);
  const after = cost(server.pid);
  const findings = Object.entries(neighbourSaw.wrong).map(([what, count]) => `the other app: ${count} x ${what}`);
  if (after.rss > before.rss * (1 + RSS_GROWTH_MAX)) findings.push(`RSS ${figure(before.rss)} to ${figure(after.rss)} MiB`);
  if (after.threads > before.threads + THREADS_MORE_MAX) findings.push(`threads ${before.threads} to ${after.threads}`);
  if (after.descriptors > before.descriptors + DESCRIPTORS_MORE_MAX) {
    findings.push(`descriptors ${before.descriptors} to ${after.descriptors}`);
  }
  if (readFileSync(file, "utf8") !== text) findings.push("the configuration file is not what it was");
  return { before, after, times, samples, neighbour: neighbourSaw, findings };
}

function report(r, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  const ms = (values) => `${figure(quantile(values, 0.5))} / ${figure(quantile(values, 0.99))} / ${figure(Math.max(...values))} ms`;
  const rows = ["add", "ask", "remove"].map((step) => [`${step}: p50 / p99 / max`, ms(r.times.map((time) => time[step]))]);
  rows.push(["the other app meanwhile", `${ms(r.neighbour.times)} of ${r.neighbour.times.length}`]);
  rows.push(["findings", r.findings.join("; ") || "none"]);
  const costs = [["before", r.before], ...r.samples.map((sample) => [`after ${sample.rounds}`, sample]), ["at rest again", r.after]];
  const cells = costs.map(([when, { rss, threads, descriptors }]) => [when, figure(rss), String(threads), String(descriptors)]);
  return `# ${options.rounds} adds and removes${options.persist ? " with --persist" : ""}, ${date}

NANO ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.

${table(["what", "figure"], rows)}

${table(["when", "RSS in MiB", "threads", "descriptors"], cells)}
`;
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const versionText = version(program("nano", options.nanod));
  const result = await Fleet.within(600_000, (fleet) => measure(fleet, options));
  const text = report(result, options, date, versionText);
  mkdirSync(options.out, { recursive: true });
  const name = join(options.out, `${date}-churn${options.persist ? "-persist" : ""}`);
  writeFileSync(`${name}.md`, text);
  writeFileSync(`${name}.json`, `${JSON.stringify({ date, version: versionText, options: told(options), machine: machine(), ...result }, null, 2)}\n`);
  console.log(text);
  if (result.findings.length > 0) throw new Failure(result.findings.join("; "));
});

// Attacks on nanod, one after the other: what the attacker is answered and how soon, what an honest app beside it sees,
// and what is left of it. See README.md in this folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  Failure, Fleet, benchDir, cpuSeconds, figure, launch, logTail, machine, program, table, told, version, wholeNumbers,
} from "./lib.mjs";
import { ATTACKS } from "./hostile/attacks.mjs";
import { Site } from "./hostile/site.mjs";

const LIMITS = { cpu_ms: 200, timeout_ms: 5000, idle_ms: 300, max_queue: 200 };
const CONNECTIONS = 4;
const ALONE_MS = 1000;
const QUIET_LIMIT_MS = 20_000;
/** Before the memory is measured that the cycles' end is compared with. */
const WARM_CYCLES = 150;
/** Between an answer of NANO's and the attacker's next request: without it, `crash_loop` is all that it would be. */
const PAUSE_MS = 20;
/** How far beyond `cpu_ms` a script that V8 can interrupt may get: the watchdog looks every 4 ms, 10 at first. */
const LATE_MS = 20;
const HONEST_P99_MS = 50;
/** What memory may be left: V8's and the C library's pools, which the next isolate uses. */
const RSS_LEFT_MIB = 30;

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      seconds: { type: "string", default: "2" },
      memory: { type: "string", default: "64" },
      cycles: { type: "string" },
      spinning: { type: "string" },
      nanod: { type: "string" },
      out: { type: "string", default: join(benchDir, "results") },
    },
  });
  const options = { ...values };
  wholeNumbers(options, ["seconds", "memory", "cycles", "spinning"]);
  return options;
}

// --- One attack ---

/** `/calm` is answered at once, so that the isolate's own cost is known before it attacks. */
function appOf(attack, settings) {
  const module = attack.module ?? `const attack = async (request, env, ctx) => { ${attack.run} };
export default {
  fetch(request, env, ctx) {
    return request.url.endsWith("/calm") ? new Response("calm") : attack(request, env, ctx);
  },
};
`;
  return { name: "hostile", files: { "index.mjs": module, ...attack.files?.() }, settings };
}

/** A server that takes connections and never answers. */
async function silentUpstream() {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

/** One request alone: its answer, how soon it came, and what CPU time the app took until nothing of it ran. */
async function probe(site, attack) {
  const before = await site.figures("hostile");
  const cpuBefore = cpuSeconds(site.server.pid);
  const { answer, ms } = await site.ask("hostile", attack);
  const ended = async () => {
    const now = await site.figures("hostile");
    return now.ended > before.ended || now.isolates + now.inFlight === 0;
  };
  if (attack.later) {
    const deadline = performance.now() + 8000;
    while (!(await ended()) && performance.now() < deadline) await delay(10);
  }
  const after = await site.figures("hostile");
  return { answer, ms, cpuMs: (after.cpuSeconds - before.cpuSeconds) * 1000, processCpuMs: (cpuSeconds(site.server.pid) - cpuBefore) * 1000, ended: after.ended - before.ended };
}

/** Several attackers at once, each asking again as soon as it is answered. */
async function attackWith(site, attack, untilMs) {
  const answers = {};
  const attacker = async () => {
    while (performance.now() < untilMs && site.alive) {
      const { answer } = await site.ask("hostile", attack);
      answers[answer] = (answers[answer] ?? 0) + 1;
      await delay(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: attack.connections ?? CONNECTIONS }, attacker));
  return answers;
}

/** Connections that send their request a byte at a time. */
async function slowLoris(site, attack, untilMs) {
  const head = "POST / HTTP/1.1\r\nhost: hostile.localhost\r\ncontent-length: 100000\r\n\r\n";
  const text = attack.slowLoris === "head" ? `POST / HTTP/1.1\r\nhost: hostile.localhost\r\nx-slow: ${"a".repeat(10_000)}` : head + "a".repeat(10_000);
  const start = attack.slowLoris === "head" ? 10 : head.length;
  const answers = {};
  const count = (what) => (answers[what] = (answers[what] ?? 0) + 1);
  const sockets = Array.from({ length: attack.connections }, () => {
    const socket = createConnection({ host: "127.0.0.1", port: site.ports.http }, () => socket.write(text.slice(0, start)));
    socket.on("error", (error) => count(error.code));
    socket.on("data", (data) => count(data.toString("latin1").slice(9, 12)));
    return socket;
  });
  for (let at = start; performance.now() < untilMs; at += 1) {
    await delay(100);
    for (const socket of sockets) if (socket.writable) socket.write(text[at]);
  }
  count(`open: ${sockets.filter((socket) => socket.writable).length}`);
  for (const socket of sockets) socket.destroy();
  return answers;
}

async function run(fleet, attack, options, index) {
  const upstream = attack.upstream ? await silentUpstream() : undefined;
  const settings = { ...LIMITS, memory_mb: options.memory, ...(upstream && { egress: { allow: ["127.0.0.1"] }, env: { UPSTREAM: upstream.url } }), ...attack.settings };
  const site = await Site.open(fleet, `attack-${index}`, [appOf(attack, settings)], options);
  const result = { name: attack.name, group: attack.group, limits: settings };
  try {
    // One isolate has come and gone before the first figure that memory is compared with.
    if (!attack.startUp) await site.ask("hostile", { path: "/calm" });
    await delay(300);
    await site.honest();
    await delay(ALONE_MS);
    await site.quiet("hostile", QUIET_LIMIT_MS);
    result.before = site.cost();
    result.alone = await site.honest();
    if (!attack.slowLoris && (attack.connections ?? 0) < 100) result.probe = await probe(site, attack);
    const began = performance.now();
    const serverCpu = cpuSeconds(site.server.pid);
    const untilMs = began + options.seconds * 1000;
    result.answers = await (attack.slowLoris ? slowLoris : attackWith)(site, attack, untilMs);
    result.attackMs = performance.now() - began;
    result.cores = ((cpuSeconds(site.server.pid) - serverCpu) * 1000) / result.attackMs;
    result.during = await site.honest();
    result.peak = site.cost();
    const stopped = performance.now();
    result.quiet = await site.quiet("hostile", QUIET_LIMIT_MS);
    result.quietMs = performance.now() - stopped;
    // Freed memory goes back to the system a second later.
    const enough = () => site.cost().rss < result.before.rss + RSS_LEFT_MIB / 3;
    for (let waits = 0; waits < 30 && !(waits > 10 && enough()); waits += 1) await delay(100);
    result.afterwards = await site.honest();
    result.after = site.cost();
    result.figures = await site.figures("hostile");
  } catch (error) {
    if (site.alive) throw error;
  }
  if (!site.alive) {
    result.died = site.server.ended;
    result.log = logTail(site.server);
  } else {
    await site.close();
  }
  upstream?.close();
  result.findings = judge(result, attack);
  return result;
}

const errorsOf = (honest) => Object.entries(honest?.errors ?? {}).map(([what, count]) => `${count} x ${what}`);

/** What differs from the contract. */
function judge(result, attack) {
  if (result.died) return [`the process ended: ${result.died}`];
  const findings = [];
  const allowed = new Set([...attack.answers, "503 crash_loop", "503 overloaded", ...(attack.startUp ? ["500 startup"] : [])]);
  const answers = new Set([...Object.keys(result.answers), ...(result.probe ? [result.probe.answer] : [])]);
  for (const answer of answers) {
    if (attack.answers.length > 0 && !allowed.has(answer)) findings.push(`answered ${answer}`);
  }
  for (const phase of ["during", "afterwards"]) {
    for (const error of errorsOf(result[phase])) findings.push(`honest app ${phase}: ${error}`);
  }
  if (result.during.hello.p99Ms > Math.max(HONEST_P99_MS, 2 * result.alone.hello.p99Ms)) findings.push(`honest p99 ${figure(result.during.hello.p99Ms)} ms`);
  const over = result.probe ? result.probe.cpuMs - (attack.budgetMs ?? LIMITS.cpu_ms) : 0;
  if (over > LATE_MS) findings.push(`${attack.uninterruptible || attack.job ? "native work" : "script"} ${figure(over)} ms over its CPU time`);
  if (!result.quiet) findings.push(`requests or isolates still there after ${QUIET_LIMIT_MS / 1000} s`);
  if (result.after.rss > result.before.rss + RSS_LEFT_MIB) findings.push(`${figure(result.after.rss - result.before.rss)} MiB left`);
  if (result.after.descriptors > result.before.descriptors + 5) findings.push(`${result.after.descriptors - result.before.descriptors} descriptors left`);
  if (result.figures.lost > 0) findings.push(`${result.figures.lost} isolates lost and disposed of`);
  return findings;
}

const latency = (honest) => (honest?.hello.count ? `${figure(honest.hello.p50Ms)} / ${figure(honest.hello.p99Ms)} / ${figure(honest.hello.maxMs)}` : "-");

function row(result) {
  const answers = Object.entries(result.answers ?? {}).map(([what, count]) => `${count} x ${what}`).join(", ");
  const { probe } = result;
  return [
    result.name, result.died ? `**process ended: ${result.died}**` : answers,
    probe ? `${probe.answer} after ${figure(probe.ms)}` : "-", probe ? figure(probe.cpuMs) : "-",
    latency(result.alone), latency(result.during), String(errorsOf(result.during).length + errorsOf(result.afterwards).length),
    result.after ? `${figure(result.before.rss)} / ${figure(result.peak.rss)} / ${figure(result.after.rss)}` : "-",
    result.after ? `${result.before.threads} / ${result.peak.threads} / ${result.after.threads}` : "-",
    result.after ? `${result.before.descriptors} / ${result.after.descriptors}` : "-",
    result.findings.join("; ") || "none",
  ];
}

const HEAD = [
  "attack", "answers", "one alone: answered after ms", "CPU of one, ms", "honest alone, p50 / p99 / max ms", "honest meanwhile",
  "its errors", "RSS before / at the end / after, MiB", "threads", "descriptors", "findings",
];

async function attackTable(fleet, options) {
  const wanted = options.only ? new RegExp(options.only) : /(?:)/;
  const results = [];
  for (const [index, attack] of ATTACKS.entries()) {
    if (!wanted.test(`${attack.group}: ${attack.name}`)) continue;
    const result = await run(fleet, attack, options, index);
    results.push(result);
    console.error(table(HEAD, [row(result)]).split("\n")[2]);
  }
  return results;
}

// --- Many spinning apps at once ---

async function spinning(fleet, options) {
  const count = options.spinning;
  const module = "export default { fetch() { const end = performance.now() + 3000; while (performance.now() < end); return new Response('x'); } };";
  const apps = Array.from({ length: count }, (_, i) => ({ name: `spin-${i}`, files: { "index.mjs": module }, settings: { ...LIMITS, timeout_ms: 60_000 } }));
  const site = await Site.open(fleet, "spinning", apps, options);
  await delay(500);
  await site.honest();
  await delay(2000);
  const alone = await site.honest();
  const before = site.cost();
  const answers = {};
  const untilMs = performance.now() + options.seconds * 1000;
  let most = 0;
  const sampler = setInterval(() => (most = Math.max(most, site.cost().threads)), 100);
  await Promise.all(apps.map(async ({ name }) => {
    while (performance.now() < untilMs) {
      const { answer } = await site.ask(name, { timeoutMs: 120_000 });
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  }));
  clearInterval(sampler);
  const during = await site.honest();
  const stopped = performance.now();
  let threadsMs;
  while (threadsMs === undefined && performance.now() - stopped < 60_000) {
    await delay(100);
    if (site.cost().threads <= before.threads) threadsMs = performance.now() - stopped;
  }
  const after = site.cost();
  const names = site.threadNames();
  await site.close();
  return { count, alone, during, before, most, after, threadsMs, answers, names };
}

// --- Kill and replace ---

/** Each app can end in one way only, so that the answer says whether it was that one. */
const CYCLE_APPS = [
  { name: "cpu", run: "for (;;);", settings: { cpu_ms: 50, timeout_ms: 30_000, memory_mb: 32 }, answer: "503 cpu_limit" },
  { name: "memory", run: "const a = []; for (;;) a.push({ a: 1 });", settings: { cpu_ms: 20_000, timeout_ms: 30_000, memory_mb: 16 }, answer: "503 memory_limit" },
  { name: "timeout", run: "for (;;);", settings: { cpu_ms: 20_000, timeout_ms: 150, memory_mb: 32 }, answer: "504 timeout" },
];

async function cycles(fleet, options) {
  const apps = CYCLE_APPS.map((app) => ({ ...appOf(app, { idle_ms: 300, ...app.settings }), name: app.name }));
  const site = await Site.open(fleet, "cycles", apps, options);
  const answers = {};
  const cycle = async (index) => {
    const { name } = CYCLE_APPS[index % CYCLE_APPS.length];
    const { answer } = await site.ask(name);
    const key = `${name}: ${answer}`;
    answers[key] = (answers[key] ?? 0) + 1;
  };
  const settled = async () => {
    for (const { name } of CYCLE_APPS) await site.quiet(name, QUIET_LIMIT_MS);
    // Threads that were lent out end after ten idle seconds.
    await delay(12_000);
    return site.cost();
  };
  for (let i = 0; i < WARM_CYCLES; i += 1) await cycle(i);
  const before = await settled();
  await site.honest();
  const samples = [];
  const began = performance.now();
  for (let i = 0; i < options.cycles; i += 1) {
    await cycle(i);
    if (i % 100 === 99) samples.push({ cycle: i + 1, ...site.cost() });
  }
  const seconds = (performance.now() - began) / 1000;
  const during = await site.honest();
  const after = await settled();
  let ended = 0;
  let lost = 0;
  for (const { name } of CYCLE_APPS) {
    const figures = await site.figures(name);
    ended += figures.ended;
    lost += figures.lost;
  }
  const names = site.threadNames();
  await site.close();
  return { cycles: options.cycles, answers, before, samples, after, seconds, during, ended, lost, names };
}

// --- Report ---

function heading(title, options, date, versionText) {
  const { cpu, cores, kernel, memoryGiB } = machine();
  return `# ${title}, ${date}\n\nNANO ${versionText}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}.\n`;
}

function reportAttacks(results, options) {
  return `Each attack in a process of its own: cpu_ms ${LIMITS.cpu_ms}, timeout_ms ${LIMITS.timeout_ms}, memory_mb ${options.memory}; one request alone, then ${CONNECTIONS} at a time for
${options.seconds} s. The honest app's clients, on the same cores, send it 200 requests a second.

${table(HEAD, results.map(row))}
`;
}

function reportSpinning(r) {
  const answers = Object.entries(r.answers).map(([what, count]) => `${count} x ${what}`).join(", ");
  return table(["what", "figure"], [
    ["apps that spin, cpu_ms " + LIMITS.cpu_ms, String(r.count)],
    ["their answers", answers],
    ["honest app alone: p50 / p99 / max ms", latency(r.alone)],
    ["honest app meanwhile", latency(r.during)],
    ["its errors", errorsOf(r.during).join("; ") || "none"],
    ["threads before / most / after", `${r.before.threads} / ${r.most} / ${r.after.threads}`],
    ["normal number of threads again after", r.threadsMs === undefined ? "never" : `${figure(r.threadsMs / 1000)} s`],
    ["RSS before / after, MiB", `${figure(r.before.rss)} / ${figure(r.after.rss)}`],
    ["lag of the honest app's clients: p99, longest", `${figure(r.during.lagP99Ms)}, ${figure(r.during.lagMaxMs)} ms`],
  ]);
}

function reportCycles(r) {
  const answers = Object.entries(r.answers).map(([what, count]) => `${count} x ${what}`).join(", ");
  return table(["what", "figure"], [
    ["cycles", `${r.cycles} in ${figure(r.seconds)} s`],
    [`answers, with those of ${WARM_CYCLES} cycles before`, answers],
    ["isolates ended, lost", `${r.ended}, ${r.lost}`],
    ["RSS before / every 100 cycles / after, MiB", `${figure(r.before.rss)} / ${r.samples.map((s) => figure(s.rss)).join(" ")} / ${figure(r.after.rss)}`],
    ["growth", `${figure((r.after.rss / r.before.rss - 1) * 100)} %`],
    ["threads before / after", `${r.before.threads} / ${r.after.threads}`],
    ["descriptors before / after", `${r.before.descriptors} / ${r.after.descriptors}`],
    ["honest app meanwhile: p50 / p99 / max ms", latency(r.during)],
    ["its errors", errorsOf(r.during).join("; ") || "none"],
  ]);
}

await launch(async () => {
  const options = readOptions();
  const date = new Date().toISOString().slice(0, 10);
  const versionText = version(program("nano", options.nanod));
  const [kind, title, work, show] = options.cycles
    ? ["cycles", `${options.cycles} isolates ended and replaced`, cycles, reportCycles]
    : options.spinning
      ? ["spinning", `${options.spinning} spinning apps`, spinning, reportSpinning]
      : ["hostile", "Hostile apps", attackTable, reportAttacks];
  const result = await Fleet.within(3_600_000, (fleet) => work(fleet, options));
  const text = `${heading(title, options, date, versionText)}\n${show(result, options)}\n`;
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, `${date}-${kind}`);
  writeFileSync(`${base}.md`, text);
  writeFileSync(`${base}.json`, `${JSON.stringify({ date, version: versionText, options: told(options), machine: machine(), result }, null, 2)}\n`);
  console.log(text);
});

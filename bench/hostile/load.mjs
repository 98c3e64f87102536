// An honest app's clients, in a process of their own: requests at a fixed rate, each timed from the moment at which it
// was due, so that one late answer cannot hide others. Started by `site.mjs`.

import { Agent, request } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import os from "node:os";

const [port, rate] = process.argv.slice(2).map(Number);
const CONNECTIONS = 32;
const ANSWER_LIMIT_MS = 20_000;
/** Paths by turns: what the honest app does there, and what it must answer. */
const PATHS = [["/", "hello"], ["/", "hello"], ["/", "hello"], ["/stream", "0\n1\n2\n"]];

// The figures are to tell of the server: this process must not wait for a core. Only root may ask for that.
try {
  os.setPriority(-15);
} catch {
  // Then its own lag, which is reported, says how far the figures can be trusted.
}

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const lag = monitorEventLoopDelay({ resolution: 1 });
lag.enable();
let times = { "/": [], "/stream": [] };
let errors = new Map();

function fail(what) {
  errors.set(what, (errors.get(what) ?? 0) + 1);
}

function ask(path, expected, due) {
  const options = { host: "127.0.0.1", port, path, agent, headers: { host: "honest.localhost" }, timeout: ANSWER_LIMIT_MS };
  const outgoing = request(options, (response) => {
    let body = "";
    response.setEncoding("latin1");
    response.on("data", (chunk) => (body += chunk));
    response.on("error", (error) => fail(`${path}: ${error.message}`));
    response.on("end", () => {
      if (response.statusCode !== 200) fail(`${path}: ${response.statusCode} ${response.headers["x-nano-error"]}`);
      else if (body !== expected) fail(`${path}: ${JSON.stringify(body)}`);
      else times[path].push(performance.now() - due);
    });
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
  outgoing.on("error", (error) => fail(`${path}: ${error.message}`));
  outgoing.end();
}

let sent = 0;
const began = performance.now();
setInterval(() => {
  for (let due = began + (sent * 1000) / rate; due <= performance.now(); due = began + (sent * 1000) / rate) {
    ask(...PATHS[sent % PATHS.length], due);
    sent += 1;
  }
}, 1);

process.on("message", () => {
  process.send({ times, errors: Object.fromEntries(errors), lagP99Ms: lag.percentile(99) / 1e6, lagMaxMs: lag.max / 1e6 });
  times = { "/": [], "/stream": [] };
  errors = new Map();
  lag.reset();
});
process.on("disconnect", () => process.exit());

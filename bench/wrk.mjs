// wrk: its scripts, its runs, its reports.

import { Failure } from "./lib.mjs";

/**
 * One run of wrk. An answer outside 2xx and 3xx, one that a script finds wrong, or answers too short for `leastBytes`
 * are failures: no figure is made of them. Socket errors are counted.
 */
export async function wrk(fleet, { port, path = "/", threads = 1, connections, seconds, headers = {}, script, args = [], leastBytes = 0 }) {
  const sent = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const options = [`-t${threads}`, `-c${connections}`, `-d${seconds}s`, "--latency", ...sent, ...(script ? ["-s", script] : [])];
  const text = await fleet.run("wrk", [...options, `http://127.0.0.1:${port}${path}`, ...(args.length ? ["--", ...args] : [])], (seconds + 20) * 1000);
  const report = parse(text);
  if (!(report.requests > 0)) throw new Failure(`wrk's report cannot be read:\n${text}`);
  if (report.badStatus > 0) throw new Failure(`${report.badStatus} answers outside 2xx and 3xx:\n${text}`);
  if (report.wrong > 0) throw new Failure(`${report.wrong} wrong answers:\n${text}`);
  if (report.bytes * ROUNDED < report.requests * leastBytes) throw new Failure(`answers of under ${leastBytes} bytes:\n${text}`);
  return { requests: report.requests, rps: report.rps, p50Ms: report.p50Ms, p99Ms: report.p99Ms, errors: report.errors };
}

/** wrk tells the bytes with two decimals of their unit. */
const ROUNDED = 1.01;

function parse(text) {
  const number = (pattern) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const latencyMs = (percent) => {
    const [, value, unit] = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s) *$`, "m").exec(text) ?? [];
    return Number(value) * { us: 1e-3, ms: 1, s: 1e3 }[unit];
  };
  const [, read, unit] = /, ([\d.]+)([KMGT]?)B read/.exec(text) ?? [];
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return {
    requests: number(/(\d+) requests in/), rps: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: latencyMs(50), p99Ms: latencyMs(99),
    bytes: Number(read) * 1024 ** " KMGT".indexOf(unit || " "),
    errors: sockets.reduce((sum, count) => sum + Number(count), 0),
    badStatus: number(/Non-2xx or 3xx responses: (\d+)/) || 0,
    wrong: number(/Wrong answers: (\d+)/) || 0,
  };
}

/** Lua that reports what `response` counted as wrong, in all threads of wrk. */
const COUNTING = `wrong = 0
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function done()
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + thread:get("wrong") end
  print("Wrong answers: " .. sum)
end
`;

/** Lua for a request that is always the same: wrk puts it together once, so a body costs the load generator little. */
export function sending({ method = "GET", body }) {
  return `wrk.method = ${lua(method)}\n${body === undefined ? "" : `wrk.body = ${lua(body)}\n`}`;
}

/** Lua that compares every answer. It costs wrk a good part of its speed: for rounds that are not timed. */
export function checking({ body }) {
  return `local expected = ${lua(body)}
function response(status, _, body)
  if status ~= 200 or body ~= expected then wrong = wrong + 1 end
end
${COUNTING}`;
}

/** Lua for requests to the hosts in the file that wrk is given, in its order, over and over. All are put together first. */
export const VISITING = `local hosts, requests, at = {}, {}, 0
function init(args)
  for host in io.lines(args[1]) do
    hosts[#hosts + 1] = host
    requests[#requests + 1] = wrk.format("GET", "/", { Host = host })
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
`;

/**
 * The same for rounds that are not timed. wrk does not say which request an answer is for, but an app that nobody asks at
 * the moment may not answer: every app answers the first label of its host.
 */
export const VISITING_CHECKED = `${VISITING}
local visit, asked = request, {}
function request()
  local text = visit()
  local name = hosts[at]:match("^[^.]+")
  asked[name] = (asked[name] or 0) + 1
  return text
end
function response(status, _, body)
  local waiting = asked[body] or 0
  if status ~= 200 or waiting == 0 then wrong = wrong + 1 else asked[body] = waiting - 1 end
end
${COUNTING}`;

/** Printable ASCII and line ends are quoted in JSON as they are in Lua. */
function lua(text) {
  if (!/^[\t\n\r\x20-\x7e]*$/.test(text)) throw new Failure("a request for wrk must be ASCII");
  return JSON.stringify(text);
}

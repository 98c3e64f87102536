// Node's own HTTP server around a handler, in one process or, by node:cluster, in several.
// Usage: node node.mjs PORT HANDLER_URL [PROCESSES]
import cluster from "node:cluster";
import { createServer } from "node:http";

const [port, url, processes = "1"] = process.argv.slice(2);

if (cluster.isPrimary && processes !== "1") {
  // One that ends is a failure of the run, not a server with a process less.
  cluster.on("exit", () => process.exit(1));
  for (let count = 0; count < Number(processes); count++) cluster.fork();
} else {
  const { default: handler } = await import(url);
  createServer(handler).listen(Number(port), "127.0.0.1");
}

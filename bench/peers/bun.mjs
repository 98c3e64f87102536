// Bun.serve around a worker, in one process or in several that share the port.
// Usage: bun run bun.mjs PORT WORKER_URL [PROCESSES]
const [port, url, processes = "1"] = process.argv.slice(2);

if (processes === "1") {
  const { default: worker } = await import(url);
  Bun.serve({ hostname: "127.0.0.1", port: Number(port), reusePort: process.env.SHARE_PORT === "1", fetch: worker.fetch });
} else {
  const children = Array.from({ length: Number(processes) }, () => Bun.spawn({
    cmd: [process.execPath, "run", "--no-install", import.meta.path, port, url],
    env: { ...process.env, SHARE_PORT: "1" },
    stdio: ["ignore", "inherit", "inherit"],
  }));
  // One that ends is a failure of the run, not a server with a process less.
  await Promise.race(children.map(({ exited }) => exited));
  for (const child of children) child.kill();
  process.exit(1);
}

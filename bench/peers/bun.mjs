// Bun.serve around a worker. Usage: bun run bun.mjs PORT WORKER_URL
const [port, url] = process.argv.slice(2);
const { default: worker } = await import(url);

Bun.serve({ hostname: "127.0.0.1", port: Number(port), fetch: () => worker.fetch() });

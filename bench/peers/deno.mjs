// Deno.serve around a worker. Usage: deno run deno.mjs PORT WORKER_URL
const [port, url] = Deno.args;
const { default: worker } = await import(url);

// The handler itself and no function around it: Deno makes no Request for one that takes none.
Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen() {} }, worker.fetch);

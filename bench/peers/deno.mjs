// Deno.serve around a worker. Usage: deno run deno.mjs PORT WORKER_URL
const [port, url] = Deno.args;
const { default: worker } = await import(url);

Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen() {} }, () => worker.fetch());

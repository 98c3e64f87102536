// For the demo only. A deployed app sets WEBHOOK_SECRET in its env.
const DEMO_SECRET = "demo-secret";
const MAX_BODY_BYTES = 1_000_000;

export default {
  async fetch(request, env, ctx) {
    if (request.method !== "POST") {
      return new Response("POST a signed JSON event here.\n", { status: 405, headers: { allow: "POST" } });
    }

    // The signature covers the bytes as they were sent: verify first, parse afterwards.
    const body = await request.arrayBuffer();
    if (body.byteLength > MAX_BODY_BYTES) return Response.json({ error: "the event is too large" }, { status: 413 });

    const signature = parseSignature(request.headers.get("x-hub-signature-256"));
    const key = await signingKey(env.WEBHOOK_SECRET ?? DEMO_SECRET);
    if (!signature || !(await crypto.subtle.verify("HMAC", key, signature, body))) {
      return Response.json({ error: "missing or wrong x-hub-signature-256" }, { status: 401 });
    }

    let event;
    try {
      event = JSON.parse(new TextDecoder().decode(body));
    } catch {
      return Response.json({ error: "the body is not JSON" }, { status: 400 });
    }

    // The sender only wants to know that the event arrived: the work goes on after the answer.
    const id = crypto.randomUUID();
    ctx.waitUntil(handleEvent(id, request.headers.get("x-github-event") ?? "event", event));
    return Response.json({ accepted: id }, { status: 202 });
  },
};

async function handleEvent(id, kind, event) {
  await new Promise((done) => setTimeout(done, 50)); // stands for work such as a call to another service
  console.log(`handled ${kind} ${id}: ${Object.keys(event ?? {}).length} fields`);
}

let cached;

/** Imports the key once for each secret, not once for each request. */
function signingKey(secret) {
  if (cached?.secret !== secret) {
    const bytes = new TextEncoder().encode(secret);
    const key = crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    cached = { secret, key };
  }
  return cached.key;
}

/** `sha256=` and 64 hexadecimal digits, as 32 bytes; undefined if it is anything else. */
function parseSignature(header) {
  const digits = /^sha256=([0-9a-f]{64})$/i.exec(header ?? "")?.[1];
  return digits && Uint8Array.from(digits.match(/../g), (pair) => Number.parseInt(pair, 16));
}

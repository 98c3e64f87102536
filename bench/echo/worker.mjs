// Collects a body and answers with it. NANO, workerd, Deno and Bun all run this file; node.mjs writes it out for Node's
// http.
export default {
  async fetch(request) {
    return new Response(await request.arrayBuffer(), { headers: { "content-type": "application/octet-stream" } });
  },
};

// The handler under test. NANO, workerd, Deno and Bun all run this file; peers/node.mjs writes it out for Node's http.
export default {
  fetch() {
    return new Response("Hello, world!\n", { headers: { "content-type": "text/plain" } });
  },
};

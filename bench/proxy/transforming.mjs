// The proxy under test, with every chunk of the body in JavaScript's hands. NANO and workerd run this file.
export default {
  async fetch(request, env) {
    const { status, headers, body } = await fetch(env.UPSTREAM + new URL(request.url).pathname);
    const identity = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk);
      },
    });
    return new Response(body.pipeThrough(identity), { status, headers: { "content-type": headers.get("content-type") } });
  },
};

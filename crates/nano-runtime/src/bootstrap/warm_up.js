// What the engine tries before it makes the snapshot: an app that does what most apps do. The code that V8 compiles for it
// is in every isolate from then on; what is not here is compiled in an isolate when it is first used there.
({
  default: {
    fetch(request, env, context) {
      const url = new URL(request.url);
      switch (url.pathname) {
        case "/text":
          return new Response(env.NAME, { headers: { "content-type": "text/plain" } });
        case "/status":
          return new Response(null, { status: 204 });
        case "/headers": {
          const headers = new Headers({ "x-from": request.headers.get("user-agent") ?? "" });
          headers.set("x-method", request.method);
          headers.append("x-has", String(request.headers.has("accept")));
          return new Response("ok", { status: 201, headers });
        }
        case "/json":
          return Response.json({ path: url.pathname, search: url.search, host: url.host });
        default:
          context.waitUntil(Promise.resolve());
          return Promise.resolve().then(() => new Response("later"));
      }
    },
  },
})

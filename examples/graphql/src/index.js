import { createHandler } from "graphql-http/lib/use/fetch";
import { schema } from "./schema.js";

const query = createHandler({ schema, context: (request) => ({ userAgent: request.headers.get("user-agent") }) });

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    return pathname === "/graphql" ? query(request) : new Response("POST queries to /graphql\n", { status: 404 });
  },
};

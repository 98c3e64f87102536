import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { validator } from "hono/validator";
import * as z from "zod";

// For the demo only. A deployed app sets API_TOKEN in its env.
const DEMO_TOKEN = "demo-token";

const parcel = z.object({
  to: z.string().trim().min(1).max(200),
  weightGrams: z.int().positive().max(30_000),
  contact: z.email().optional(),
});
const filter = z.object({
  state: z.enum(["waiting", "delivered"]).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

// In the isolate's memory: gone when the isolate is, and a busy app has more than one.
const parcels = new Map([["p-1", { id: "p-1", to: "Ada Lovelace", weightGrams: 1815, state: "waiting" }]]);

/** What does not fit the schema is answered with the places that are wrong. */
function validated(target, schema) {
  return validator(target, (value, c) => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const issues = result.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
    return c.json({ error: `the ${target} does not fit`, issues }, 400);
  });
}

// The token is in env, which only a request has. It is compared in constant time.
const writers = (c, next) => bearerAuth({ token: c.env.API_TOKEN ?? DEMO_TOKEN })(c, next);

const routes = new Hono()
  .get("/", validated("query", filter), (c) => {
    const { state, limit } = c.req.valid("query");
    const found = [...parcels.values()].filter((one) => state === undefined || one.state === state);
    return c.json({ total: found.length, parcels: found.slice(0, limit) });
  })
  .get("/:id", (c) => c.json(find(c.req.param("id"))))
  .post("/", writers, validated("json", parcel), (c) => {
    const made = { id: crypto.randomUUID(), ...c.req.valid("json"), state: "waiting" };
    parcels.set(made.id, made);
    return c.json(made, 201, { location: new URL(`/parcels/${made.id}`, c.req.url).href });
  })
  .put("/:id/delivered", writers, (c) => {
    const one = find(c.req.param("id"));
    one.state = "delivered";
    return c.json(one);
  });

function find(id) {
  const found = parcels.get(id);
  if (found === undefined) throw new HTTPException(404, { message: `no parcel ${id}` });
  return found;
}

const app = new Hono();
app.use(cors());
app.get("/parcels/*", etag());
app.route("/parcels", routes);
app.get("/", (c) => c.text("GET /parcels\n"));
app.notFound((c) => c.json({ error: `nothing at ${c.req.path}` }, 404));
app.onError((error, c) => {
  // Middleware throws an answer of its own, such as that of a missing token.
  if (error instanceof HTTPException) {
    const { headers } = error.getResponse();
    const answer = c.json({ error: error.message || "not allowed" }, error.status);
    if (headers.has("www-authenticate")) answer.headers.set("www-authenticate", headers.get("www-authenticate"));
    return answer;
  }
  console.error(error);
  return c.json({ error: "something went wrong" }, 500);
});

export default app;

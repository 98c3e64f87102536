// An app as teams write them: a router, middleware, validation, tokens. It is bundled into one file of about 100 KB.
import { Hono } from "hono";
import { cors } from "hono/cors";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { SignJWT, jwtVerify } from "jose";
import { z } from "zod";

const Order = z.object({
  id: z.string().min(1),
  customer: z.object({ name: z.string(), email: z.string().email() }),
  lines: z.array(z.object({ sku: z.string(), count: z.number().int().positive(), cents: z.number().int() })).min(1),
});

const app = new Hono();
app.use("*", secureHeaders());
app.use("/api/*", cors());

app.get("/", (context) => context.text(context.env.NAME));
app.get("/api/orders/:id", (context) => context.json({ id: context.req.param("id"), state: "open" }));

app.post("/api/orders", async (context) => {
  const order = Order.safeParse(await context.req.json());
  if (!order.success) throw new HTTPException(422, { message: order.error.message });
  const cents = order.data.lines.reduce((sum, line) => sum + line.count * line.cents, 0);
  return context.json({ id: order.data.id, cents }, 201);
});

const key = (context) => new TextEncoder().encode(context.env.SECRET);
app.post("/api/token", async (context) => {
  const { user } = await context.req.json();
  const token = await new SignJWT({ user }).setProtectedHeader({ alg: "HS256" }).setExpirationTime("1h").sign(key(context));
  return context.json({ token });
});
app.get("/api/me", async (context) => {
  const token = context.req.header("authorization")?.slice("Bearer ".length) ?? "";
  const { payload } = await jwtVerify(token, key(context));
  return context.json({ user: payload.user });
});

export default app;

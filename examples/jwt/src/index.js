import { createLocalJWKSet, errors, importJWK, jwtVerify, SignJWT } from "jose";
import demoKey from "./demo-key.json";

const LIFETIME_SECONDS = 900;

export default {
  async fetch(request, env) {
    const { pathname, origin } = new URL(request.url);
    const keys = (cached ??= loadKeys(env.SIGNING_KEY));
    const handler = routes[`${request.method} ${pathname}`];
    return handler ? handler(request, await keys, origin) : Response.json({ error: "not found" }, { status: 404 });
  },
};

const routes = {
  /** Anybody gets a token here: an app of yours would look at a password first. */
  async "POST /token"(request, { key, kid, alg }, issuer) {
    const name = (await request.json().catch(() => null))?.name;
    if (typeof name !== "string" || name === "") return Response.json({ error: "name is missing" }, { status: 400 });
    const token = await new SignJWT({ scope: "profile" })
      .setProtectedHeader({ alg, kid, typ: "JWT" })
      .setSubject(name)
      .setIssuer(issuer)
      .setAudience(issuer)
      .setIssuedAt()
      .setExpirationTime(`${LIFETIME_SECONDS}s`)
      .sign(key);
    return Response.json({ access_token: token, token_type: "Bearer", expires_in: LIFETIME_SECONDS });
  },

  /** The public key, for others who verify these tokens. */
  "GET /.well-known/jwks.json"(request, { jwks }) {
    return Response.json(jwks, { headers: { "cache-control": "public, max-age=300" } });
  },

  async "GET /me"(request, { keySet, alg }, issuer) {
    const token = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (token === undefined) return unauthorized("Bearer");
    try {
      const { payload } = await jwtVerify(token, keySet, { issuer, audience: issuer, algorithms: [alg] });
      return Response.json({ name: payload.sub, scope: payload.scope, until: new Date(payload.exp * 1000) });
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      return unauthorized(`Bearer error="invalid_token", error_description="${error.code}"`);
    }
  },
};

function unauthorized(challenge) {
  return Response.json({ error: "unauthorized" }, { status: 401, headers: { "www-authenticate": challenge } });
}

let cached;

/** The key is imported once for each isolate. The demo's is public: set SIGNING_KEY before you deploy. */
async function loadKeys(text) {
  const jwk = text === undefined ? demoKey : JSON.parse(text);
  const { d, ...publicJwk } = jwk;
  const jwks = { keys: [{ ...publicJwk, use: "sig" }] };
  return { key: await importJWK(jwk), kid: jwk.kid, alg: jwk.alg, jwks, keySet: createLocalJWKSet(jwks) };
}

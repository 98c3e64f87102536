/** An error as JSON, in the shape of RFC 9457. */
export function problem(status, title, headers = {}) {
  return Response.json({ status, title }, { status, headers: { ...headers, "content-type": "application/problem+json" } });
}

// A small JSON API, as they are: path, search parameter, headers and body are read, and a few figures computed.
// NANO, workerd, Deno and Bun all run this file; node.mjs writes it out for Node's http.
export default {
  async fetch(request) {
    const url = new URL(request.url);
    const customer = url.pathname.split("/")[2];
    const currency = url.searchParams.get("currency");
    const tenant = request.headers.get("x-tenant");
    const language = request.headers.get("accept-language");
    const order = await request.json();
    const pieces = order.items.reduce((sum, item) => sum + item.quantity, 0);
    const cents = order.items.reduce((sum, item) => sum + item.quantity * item.cents, 0);
    const answer = { customer, tenant, language, currency, reference: order.reference, lines: order.items.length, pieces, total: cents / 100 };
    return Response.json(answer, { headers: { "cache-control": "no-store", "x-total-cents": String(cents) } });
  },
};

// The same handler, written out for Node's http.
export default function (request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const customer = url.pathname.split("/")[2];
    const currency = url.searchParams.get("currency");
    const tenant = request.headers["x-tenant"];
    const language = request.headers["accept-language"];
    const order = JSON.parse(Buffer.concat(chunks).toString());
    const pieces = order.items.reduce((sum, item) => sum + item.quantity, 0);
    const cents = order.items.reduce((sum, item) => sum + item.quantity * item.cents, 0);
    const answer = { customer, tenant, language, currency, reference: order.reference, lines: order.items.length, pieces, total: cents / 100 };
    const body = JSON.stringify(answer);
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      "x-total-cents": String(cents),
    });
    response.end(body);
  });
}

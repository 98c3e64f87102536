// What is asked, and the only right answer.
const order = {
  reference: "order-2026-000417",
  note: "Please ring twice; the parcel may be left with the neighbours.",
  express: true,
  items: [
    { article: "tea-assam-250g", quantity: 2, cents: 890 },
    { article: "cup-blue-porcelain", quantity: 4, cents: 1250 },
    { article: "kettle-steel-1l", quantity: 1, cents: 4590 },
  ],
};

export default {
  method: "POST",
  path: "/customers/4711/orders?currency=EUR&dry=1",
  headers: { "content-type": "application/json", "x-tenant": "north", "accept-language": "en-GB" },
  body: JSON.stringify(order),
  answer: {
    type: "application/json",
    headers: { "cache-control": "no-store", "x-total-cents": "11370" },
    body: '{"customer":"4711","tenant":"north","language":"en-GB","currency":"EUR","reference":"order-2026-000417","lines":3,"pieces":7,"total":113.7}',
  },
};

import * as books from "./books.js";
import { problem } from "./answers.js";
import { createRouter } from "./router.js";

const route = createRouter([
  ["GET", "/", index],
  ["GET", "/books", books.list],
  ["POST", "/books", books.create],
  ["GET", "/books/:id", books.read],
  ["DELETE", "/books/:id", books.remove],
]);

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const match = route(request.method, url.pathname);
    if (match.allow) return problem(405, `${request.method} is not allowed here`, { allow: match.allow });
    if (!match.handler) return problem(404, `nothing at ${url.pathname}`);
    return match.handler({ request, url, env, params: match.params });
  },
};

function index({ env }) {
  return Response.json({ name: env.SHELF_NAME ?? "Example shelf", books: "/books" });
}

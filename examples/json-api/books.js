import { problem } from "./answers.js";
import seed from "./seed.json";

// Lives as long as this isolate. A real app keeps its data in a service of its own.
const shelf = new Map(seed.map((book) => [book.id, book]));
const MAX_BOOKS = 1000;

/** GET /books?author=&limit= */
export function list({ url, env }) {
  const { searchParams } = url;
  const limit = Number(searchParams.get("limit") ?? env.PAGE_SIZE ?? 10);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) return problem(400, "limit must be a whole number from 1 to 100");

  const author = searchParams.get("author")?.toLowerCase();
  const found = [...shelf.values()].filter((book) => !author || book.author.toLowerCase().includes(author));
  return Response.json({ total: found.length, books: found.slice(0, limit) });
}

/** GET /books/:id */
export function read({ params }) {
  const book = shelf.get(params.id);
  return book ? Response.json(book) : problem(404, `no book ${params.id}`);
}

/** POST /books with { title, author, year? } */
export async function create({ request, url }) {
  let input;
  try {
    input = await request.json();
  } catch {
    return problem(400, "the body is not JSON");
  }
  const fault = validate(input);
  if (fault) return problem(400, fault);
  if (shelf.size >= MAX_BOOKS) return problem(409, "the shelf is full");

  const { title, author, year } = input;
  const book = { id: crypto.randomUUID(), title, author, year };
  shelf.set(book.id, book);
  return Response.json(book, { status: 201, headers: { location: new URL(`/books/${book.id}`, url).href } });
}

/** DELETE /books/:id */
export function remove({ params }) {
  return shelf.delete(params.id) ? new Response(null, { status: 204 }) : problem(404, `no book ${params.id}`);
}

function validate(input) {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return "the body must be an object";
  for (const field of ["title", "author"]) {
    if (typeof input[field] !== "string" || input[field].trim() === "") return `${field} must be a text`;
  }
  if (input.year !== undefined && !Number.isInteger(input.year)) return "year must be a whole number";
  return undefined;
}

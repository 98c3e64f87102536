import { renderToReadableStream } from "preact-render-to-string/stream";
import { Page } from "./page.jsx";

const HEADERS = { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };

export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/") return new Response("Not found\n", { status: 404 });
    // The page's start goes out at once. What waits for its data follows, with a script that puts it in its place.
    const page = renderToReadableStream(<Page title={searchParams.get("title") ?? "Middlemarch"} />);
    return new Response(page, { headers: HEADERS });
  },
};

// The same handler, written out for Node's http.
export default function (_request, response) {
  response.writeHead(200, { "content-type": "text/plain" });
  response.end("Hello, world!\n");
}

// Node's own HTTP server, answering as the worker does. Usage: node node.mjs PORT
import { createServer } from "node:http";

createServer((_request, response) => {
  response.writeHead(200, { "content-type": "text/plain" });
  response.end("Hello, world!\n");
}).listen(Number(process.argv[2]), "127.0.0.1");

// What is asked, and the only right answer. Each line of the body tells its number: a piece that is missing, doubled or
// in another place makes the answer wrong.
const body = Array.from({ length: 1024 }, (_, line) => `line of 16 ${String(line).padStart(4, "0")}\n`).join("");

export default {
  method: "POST",
  path: "/",
  headers: { "content-type": "application/octet-stream" },
  body,
  answer: { type: "application/octet-stream", body },
};

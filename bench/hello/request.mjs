// What is asked, and the only right answer.
export default { path: "/", answer: { type: "text/plain", body: "Hello, world!\n" } };

export default {
  fetch() {
    return new Response("Hello from NANO\n");
  },
};

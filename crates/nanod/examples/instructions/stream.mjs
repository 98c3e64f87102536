// A stream of four chunks, each made when it is asked for.
const encoder = new TextEncoder();

export default {
  fetch() {
    let chunk = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (chunk === 4) controller.close();
        else controller.enqueue(encoder.encode(`chunk ${chunk++}\n`));
      },
    });
    return new Response(body);
  },
};

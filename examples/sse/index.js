const COUNT = { name: "count", fallback: 5, min: 1, max: 1000 };
const INTERVAL_MS = { name: "interval", fallback: 1000, min: 1, max: 10_000 };

export default {
  fetch(request) {
    const { searchParams } = new URL(request.url);
    const count = readNumber(searchParams, COUNT);
    const intervalMs = readNumber(searchParams, INTERVAL_MS);
    if (count === undefined || intervalMs === undefined) {
      const limits = [COUNT, INTERVAL_MS].map(({ name, min, max }) => `${name}: ${min} to ${max}`).join(", ");
      return new Response(`Whole numbers only. ${limits}\n`, { status: 400 });
    }
    return new Response(ticks(count, intervalMs), {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  },
};

/** A stream of `count` events, the first at once. When the client leaves, `cancel` runs and the timer stops. */
function ticks(count, intervalMs) {
  const encoder = new TextEncoder();
  const started = performance.now();
  let sent = 0;
  let timer;

  return new ReadableStream({
    start(controller) {
      const send = () => {
        sent += 1;
        const data = JSON.stringify({ tick: sent, of: count, elapsedMs: Math.round(performance.now() - started) });
        controller.enqueue(encoder.encode(`id: ${sent}\nevent: tick\ndata: ${data}\n\n`));
        if (sent < count) return;
        clearInterval(timer);
        controller.close();
      };
      timer = setInterval(send, intervalMs);
      send();
    },
    cancel() {
      clearInterval(timer);
      console.log(`the client left after ${sent} of ${count} events`);
    },
  });
}

function readNumber(searchParams, { name, fallback, min, max }) {
  const value = Number(searchParams.get(name) ?? fallback);
  return Number.isInteger(value) && value >= min && value <= max ? value : undefined;
}

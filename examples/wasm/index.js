import module from "./mandelbrot.wasm";
import { bitmap } from "./bitmap.js";

// Once for the isolate, not once for each request.
const { memory, render } = new WebAssembly.Instance(module).exports;

const SHADES = " .:-=+*#%@";
const MAX_STEPS = 200;

export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const view = readView(searchParams);
    if (!view) return new Response("x and y: -2 to 2, zoom: 1 to 1e12\n", { status: 400 });
    if (pathname === "/") return new Response(drawText(view, 78, 32));
    if (pathname === "/image.bmp") return drawImage(view, 640, 480);
    return new Response("/ or /image.bmp\n", { status: 404 });
  },
};

function readView(searchParams) {
  const x = Number(searchParams.get("x") ?? -0.6);
  const y = Number(searchParams.get("y") ?? 0);
  const zoom = Number(searchParams.get("zoom") ?? 1);
  // Written so that NaN fails as well.
  return Math.abs(x) <= 2 && Math.abs(y) <= 2 && zoom >= 1 && zoom <= 1e12 ? { x, y, zoom } : undefined;
}

/** The steps of each point, rows from the top: a view into the module's memory, good until the next call. */
function steps({ x, y, zoom }, width, height, pointHeight) {
  const dx = 3.2 / zoom / width;
  const dy = dx * pointHeight;
  render(width, height, x - (dx * width) / 2, y + (dy * height) / 2, dx, dy, MAX_STEPS);
  return new Uint8Array(memory.buffer, 0, width * height);
}

function drawText(view, width, height) {
  const points = steps(view, width, height, 2); // a character is about twice as high as wide
  const rows = Array.from({ length: height }, (_, row) => {
    const line = points.subarray(row * width, (row + 1) * width);
    return Array.from(line, (n) => SHADES[Math.floor(Math.sqrt(n / MAX_STEPS) * (SHADES.length - 1))]).join("");
  });
  return `${rows.join("\n")}\n`;
}

function drawImage(view, width, height) {
  const bytes = bitmap(steps(view, width, height, 1), width, height, (n) => {
    const light = n >= MAX_STEPS ? 0 : Math.sqrt(n / MAX_STEPS);
    return [255 * light, 255 * light ** 2, 255 * Math.sin(Math.PI * light)];
  });
  return new Response(bytes, { headers: { "content-type": "image/bmp" } });
}

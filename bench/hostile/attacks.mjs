// What a hostile author tries. Each attack is an app: `run` is the body of `async (request, env, ctx) => {…}`, or
// `module` a whole entry module. `answers` are the ones that may come back; the contract is in the README.

const CPU = ["503 cpu_limit"];
const MEMORY = ["503 memory_limit", "500 exception", "503 crash_loop"];
const EITHER = [...CPU, ...MEMORY];
const HEAP = ["503 memory_limit", "503 cpu_limit"];

const cpu = (name, run, more) => ({ group: "cpu", name, run, answers: CPU, ...more });
const memory = (name, run, more) => ({ group: "memory", name, run, answers: EITHER, ...more });
const other = (name, run, more) => ({ group: "other", name, run, answers: EITHER, ...more });

/** A WebAssembly module of one exported function `run` with this body, and perhaps a memory `mem`. */
function wasm(body, { memory = false } = {}) {
  const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes];
  const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
  const text = (s) => [s.length, ...Buffer.from(s)];
  const code = [0, ...body, 0x0b];
  return [
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [1, 0]),
    ...(memory ? section(5, [1, 0, 1]) : []),
    ...section(7, [memory ? 2 : 1, ...text("run"), 0, 0, ...(memory ? [...text("mem"), 2, 0] : [])]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ];
}
const WASM_LOOP = `new Uint8Array([${wasm([0x03, 0x40, 0x0c, 0, 0x0b])}])`;
const WASM_GROW = `new Uint8Array([${wasm([0x03, 0x40, 0x41, 16, 0x40, 0, 0x1a, 0x0c, 0, 0x0b], { memory: true })}])`;

/** Source of a module with many large functions, made by the app itself. */
const WASM_HUGE = `
  const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
  const body = [0];
  for (let i = 0; i < 2000; i += 1) body.push(0x41, i & 63, 0x41, 3, 0x6a, 0x1a);
  body.push(0x0b);
  const one = [...leb(body.length), ...body];
  const count = 800;
  const code = new Uint8Array(leb(count).length + count * one.length);
  code.set(leb(count));
  for (let i = 0; i < count; i += 1) code.set(one, leb(count).length + i * one.length);
  const functions = [...leb(count), ...new Array(count).fill(0)];
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, ...leb(functions.length), ...functions, 10, ...leb(code.length)];
  const module = new Uint8Array(head.length + code.length);
  module.set(head);
  module.set(code, head.length);`;

/** Ends an upload that has no end: a chunk at a time until the server closes. */
const endlessBody = (outgoing) => {
  const chunk = Buffer.alloc(65_536, 97);
  const push = () => {
    while (!outgoing.destroyed && outgoing.write(chunk));
  };
  outgoing.on("drain", push);
  push();
};

export const ATTACKS = [
  // --- CPU ---
  cpu("endless loop", "for (;;);"),
  cpu("catch and finally swallow", "for (;;) { try { for (;;); } catch {} finally { for (;;); } }"),
  cpu("finally returns", "const f = () => { try { for (;;); } finally { return f(); } }; return f();"),
  cpu("regex backtracking", "return new Response(String(/^(a+)+$/.test('a'.repeat(40) + 'b')));"),
  cpu("regex replace with callback", "'a'.repeat(1e6).replace(/a/g, () => { for (;;); });"),
  cpu("microtask storm", "for (;;) await null;"),
  cpu("promise chain storm", "const f = () => Promise.resolve().then(f); await f();", { answers: EITHER }),
  cpu("queueMicrotask recursion", "const f = () => queueMicrotask(f); f(); await new Promise(() => {});"),
  cpu("thenable recursion", "const t = { then(r) { r(t); } }; await t;"),
  cpu("timer storm, 1,000 rearming", "const f = () => { for (let i = 0; i < 1000; i += 1); setTimeout(f, 0); }; for (let i = 0; i < 1000; i += 1) setTimeout(f, 0); await new Promise(() => {});"),
  cpu("interval storm", "for (let i = 0; i < 1000; i += 1) setInterval(() => { for (let j = 0; j < 1e4; j += 1); }, 1); await new Promise(() => {});"),
  cpu("sort of 5e6 with comparator", "const a = Float64Array.from({ length: 5e6 }, Math.random); a.sort((x, y) => x - y);"),
  cpu("sort of 5e6 without comparator", "const a = new Float64Array(5e6); for (let i = 0; i < 5e6; i += 1) a[i] = (i * 7919) % 5000011; for (;;) { a.sort(); a.reverse(); a[5] = Math.random(); }", { uninterruptible: true }),
  cpu("sort of strings without comparator", "const a = []; for (let i = 0; i < 3e5; i += 1) a.push('k' + ((i * 7919) % 300007)); for (;;) a.slice().sort();", { uninterruptible: true, answers: HEAP }),
  cpu("JSON.stringify of much", "const o = []; for (let i = 0; i < 2e5; i += 1) o.push({ a: i, b: 'x' }); for (;;) JSON.stringify(o);", { uninterruptible: true, answers: EITHER }),
  cpu("JSON.parse of much", "const s = '[' + '[1],'.repeat(5e5) + '1]'; for (;;) JSON.parse(s);", { uninterruptible: true, answers: EITHER }),
  cpu("string building", "let s = ''; for (;;) { s += 'x'; if (s.length > 1e7) s = ''; }", { answers: EITHER }),
  cpu("indexOf in a long string", "const s = 'a'.repeat(2e7); for (;;) s.indexOf('ab'.repeat(10));", { uninterruptible: true }),
  cpu("Array.prototype.includes of 1e7", "const a = new Array(5e6).fill(1); for (;;) a.includes(2);", { uninterruptible: true }),
  cpu("BigInt power", "let n = 3n ** 4000000n; for (;;) n = (n * n) >> 6000000n;", { uninterruptible: true, answers: EITHER }),
  cpu("BigInt to decimal string", "return new Response((3n ** 20000000n).toString().slice(0, 9));", { uninterruptible: true, answers: EITHER }),
  cpu("BigInt parse", "BigInt('9'.repeat(2e7));", { uninterruptible: true, answers: EITHER }),
  cpu("WebAssembly loop", `const { instance } = await WebAssembly.instantiate(${WASM_LOOP}); instance.exports.run();`),
  cpu("WebAssembly huge synchronous compile", `${WASM_HUGE} for (;;) new WebAssembly.Module(module);`, { uninterruptible: true, answers: EITHER }),
  cpu("WebAssembly huge asynchronous compile", `${WASM_HUGE} for (;;) await WebAssembly.compile(module);`, { uninterruptible: true, answers: [...EITHER, "504 timeout"] }),
  { group: "cpu", name: "endless loop at start-up", module: "for (;;);\nexport default { fetch() {} };", answers: ["500 startup"], budgetMs: 2000, startUp: true },
  { group: "cpu", name: "microtask storm at start-up", module: "for (;;) await null;\nexport default { fetch() {} };", answers: ["500 startup"], budgetMs: 2000, startUp: true },
  { group: "cpu", name: "timers of the top level spin", module: "setInterval(() => { const end = Date.now() + 150; while (Date.now() < end); }, 1);\nexport default { fetch() { return new Response('ok'); } };", answers: ["200", ...CPU], startUp: true },
  cpu("loop in waitUntil", "ctx.waitUntil((async () => { await new Promise((r) => setTimeout(r, 5)); for (;;); })()); return new Response('ok');", { answers: ["200", ...CPU], later: true }),
  cpu("timers after the answer, in waitUntil", "ctx.waitUntil(new Promise(() => { setInterval(() => { const e = Date.now() + 50; while (Date.now() < e); }, 1); })); return new Response('ok');", { answers: ["200", ...CPU], later: true }),
  cpu("loop in a stream's pull", "return new Response(new ReadableStream({ pull() { for (;;); } }));", { answers: ["200, cut", ...CPU, "ECONNRESET"], later: true }),
  cpu("stream that computes between chunks", "return new Response(new ReadableStream({ pull(c) { const e = Date.now() + 50; while (Date.now() < e); c.enqueue(new Uint8Array(10)); } }));", { answers: ["200, cut", ...CPU, "ECONNRESET"], later: true }),
  cpu("loop in a stream's transform", "const t = new TransformStream({ transform() { for (;;); } }); const w = t.writable.getWriter(); w.write(1); return new Response(t.readable);", { answers: ["200, cut", ...CPU, "ECONNRESET"], later: true }),
  cpu("loop in a stream's cancel", "return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); }, cancel() { for (;;); } }));", { answers: ["left", "200, cut", ...CPU], leaveAfterMs: 50, later: true }),
  cpu("loop in a stream's size()", "return new Response(new ReadableStream({ start(c) { c.enqueue(1); } }, { size() { for (;;); } }));"),
  cpu("loop in an abort listener", "request.signal.addEventListener('abort', () => { for (;;); }); await new Promise(() => {});", { answers: ["left", ...CPU], leaveAfterMs: 50, later: true }),
  cpu("loop in a header record's getter", "new Headers({ get a() { for (;;); } });"),
  cpu("loop in an iterator of URLSearchParams", "new URLSearchParams({ [Symbol.iterator]: () => ({ next() { for (;;); } }) });"),
  cpu("endless iterator of Headers", "new Headers({ *[Symbol.iterator]() { for (;;) yield ['a', 'b']; } });", { answers: EITHER }),
  cpu("loop in structuredClone's getter", "structuredClone({ get a() { for (;;); } });"),
  cpu("loop in toString of a response's body", "return new Response({ toString() { for (;;); } });"),
  cpu("loop in toString of a logged error", "console.log({ toString() { for (;;); }, get message() { for (;;); }, [Symbol.toPrimitive]() { for (;;); }, get stack() { for (;;); } }); const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { for (;;); } }); console.error(e); throw e;", { answers: [...CPU, "500 exception"] }),
  cpu("loop in the stack getter of what is thrown", "throw { get stack() { for (;;); }, get message() { for (;;); }, toString() { for (;;); } };", { answers: [...CPU, "500 exception"] }),
  cpu("loop in Error.prepareStackTrace", "Error.prepareStackTrace = () => { for (;;); }; throw new Error('x');", { answers: [...CPU, "500 exception"] }),
  cpu("Proxy as a response's init", "return new Response('x', new Proxy({}, { get() { for (;;); } }));"),
  cpu("Proxy as what is thrown", "throw new Proxy(new Error('x'), { get() { for (;;); }, getPrototypeOf() { for (;;); } });", { answers: [...CPU, "500 exception"] }),
  cpu("then getter of what is returned", "return { get then() { for (;;); } };"),
  cpu("polluted prototypes spin", "Object.defineProperty(Object.prototype, 'then', { get() { for (;;); } }); Object.defineProperty(Array.prototype, 0, { set() { for (;;); } }); return new Response('x', { headers: { a: 'b' } });", { answers: [...CPU, "200"] }),
  cpu("FinalizationRegistry callback", "globalThis.r = new FinalizationRegistry(() => { for (;;); }); for (let i = 0; i < 1000; i += 1) r.register({}, i); for (let i = 0; i < 200; i += 1) { new Array(1e5).fill(i); await new Promise((done) => setTimeout(done, 1)); } return new Response('x');", { answers: [...EITHER, "200"] }),
  cpu("unhandledrejection listener", "addEventListener('unhandledrejection', () => { for (;;); }); Promise.reject(1); await new Promise(() => {});", { answers: [...CPU, "504 timeout", "500 exception"] }),
  cpu("rejections without end", "const f = () => { Promise.reject(1); queueMicrotask(f); }; f(); await new Promise(() => {});", { answers: EITHER }),
  cpu("message port ping-pong", "const { port1, port2 } = new MessageChannel(); port1.onmessage = () => port1.postMessage(1); port2.onmessage = () => port2.postMessage(1); for (let i = 0; i < 100; i += 1) port1.postMessage(1); await new Promise(() => {});", { answers: [...CPU] }),
  cpu("AbortSignal.any chains", "let s = []; for (;;) { const c = new AbortController(); s.push(c.signal); AbortSignal.any(s); }", { answers: EITHER }),
  cpu("URLPattern with a regex bomb", "new URLPattern({ pathname: '/:x((?:a+)+)b' }).test({ pathname: '/' + 'a'.repeat(40) });"),
  cpu("URLPattern huge", "for (;;) new URLPattern({ pathname: '/' + ':a(x)'.replace('a', 'b') + '*'.repeat(1) + '/:p'.repeat(1) + 'y'.repeat(1e6) });", { answers: EITHER }),
  cpu("URL of 10 MB", "const s = 'http://a/' + '%zz/../'.repeat(1.4e6); for (;;) new URL(s);", { answers: EITHER, uninterruptible: true }),
  cpu("URLSearchParams of many", "const s = 'a=b&'.repeat(1e6); for (;;) new URLSearchParams(s).sort();", { answers: EITHER, uninterruptible: true }),
  cpu("atob and btoa of much", "const s = 'a'.repeat(2e7); for (;;) atob(btoa(s));", { answers: EITHER, uninterruptible: true }),
  cpu("TextDecoder of much", "const b = new Uint8Array(2e7).fill(0xe4); for (;;) new TextDecoder('gb18030').decode(b);", { answers: EITHER, uninterruptible: true }),
  cpu("PBKDF2 of 1e9 iterations", "const k = await crypto.subtle.importKey('raw', new Uint8Array(9), 'PBKDF2', false, ['deriveBits']); await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(9), iterations: 1e9 }, k, 256);", { answers: [...CPU, "500 exception", "504 timeout"], job: true }),
  cpu("PBKDF2, 100 at once", "const k = await crypto.subtle.importKey('raw', new Uint8Array(9), 'PBKDF2', false, ['deriveBits']); await Promise.all(Array.from({ length: 100 }, () => crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(9), iterations: 1e6 }, k, 256)));", { answers: [...CPU, "500 exception", "504 timeout"], job: true }),
  cpu("RSA key generation, largest", "await Promise.all(Array.from({ length: 20 }, () => crypto.subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 16384, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt', 'decrypt'])));", { answers: [...CPU, "500 exception", "504 timeout"], job: true }),
  cpu("RSA key generation, 4096 bits without end", "for (;;) await Promise.all(Array.from({ length: 20 }, () => crypto.subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt', 'decrypt'])));", { answers: [...CPU, "500 exception", "504 timeout"], job: true }),
  cpu("digest of much without end", "const b = new Uint8Array(3e7); for (;;) await crypto.subtle.digest('SHA-512', b);", { answers: [...CPU], job: true }),
  cpu("getRandomValues without end", "const b = new Uint8Array(65536); for (;;) crypto.getRandomValues(b);"),
  cpu("eval in a loop", "for (let i = 0; ; i += 1) eval('var x' + i + ' = () => ' + i);", { answers: EITHER }),
  cpu("compile a huge function", "for (;;) new Function('x=>{' + 'x+=1;'.repeat(1e6) + '}' + Math.random());", { answers: EITHER, uninterruptible: true }),
  cpu("console.log a million lines", "for (let i = 0; i < 1e6; i += 1) console.log('line', i); for (;;);"),
  cpu("console.log of a huge object", "const o = {}; for (let i = 0; i < 2e5; i += 1) o['k' + i] = [i, { a: i }]; for (;;) console.log(o);", { answers: EITHER }),
  cpu("Date and Intl loops", "for (;;) new Date().toLocaleString('de');", { answers: EITHER }),
  cpu("normalize of much", "const s = '\\u1e9b\\u0323'.repeat(5e6); for (;;) s.normalize('NFKD');", { answers: EITHER, uninterruptible: true }),
  cpu("deep recursion caught, without end", "const f = () => { try { f(); } catch { f(); } }; f();"),

  // --- Memory ---
  memory("array growth", "const a = []; for (;;) a.push({ a: 1 });", { answers: HEAP }),
  memory("string growth", "const a = []; for (let i = 0; ; i += 1) a.push(('x' + i).repeat(1000));", { answers: HEAP }),
  memory("string concatenation, flattened", "let s = 'x'; for (;;) { s += s; /y/.test(s); }"),
  memory("Map growth", "const m = new Map(); for (let i = 0; ; i += 1) m.set(i, {});"),
  memory("object with many keys", "const o = {}; for (let i = 0; ; i += 1) o['k' + i] = i;"),
  memory("array of 1e8 doubles", "new Array(1e8).fill(1.5);"),
  memory("array of 5e6, filled", "const a = []; for (let i = 0; ; i += 1) a.push(new Array(5e6).fill(i));"),
  memory("JSON.stringify of 3e7 strings", "JSON.stringify(new Array(3e7).fill('abcdefgh'));"),
  memory("JSON.parse of 4e7 bytes", "JSON.parse('[' + '[],'.repeat(1.3e7) + '1]');"),
  memory("Uint8Array of 1e9", "new Uint8Array(1e9);", { answers: ["500 exception"] }),
  memory("'x'.repeat(2 ** 29)", "const s = 'x'.repeat(2 ** 29 - 25); return new Response(s);"),
  memory("'x'.repeat, flattened and sent", "for (;;) new Response('\\u20ac'.repeat(2 ** 24));"),
  memory("a Map that grows", "const m = new Map(); for (let i = 0; ; i += 1) m.set(i, i);"),
  memory("a Set of strings that grows", "const s = new Set(); for (let i = 0; ; i += 1) s.add('k' + i);"),
  memory("flat of 1e8 numbers", "new Array(1e6).fill(new Array(100).fill(1.5)).flat();"),
  memory("concat of 1e8 numbers", "[].concat(...new Array(1e3).fill(new Array(1e5).fill(1.5)));"),
  memory("a string of 512 MB, flattened", "'x'.repeat(2 ** 29 - 25).charCodeAt(5);"),
  memory("encodeURIComponent of 3e7 letters", "encodeURIComponent('\\u00e9'.repeat(3e7));"),
  memory("eval of 15 MB", "eval('[' + '{},'.repeat(5e6) + ']');", { answers: ["500 exception"] }),
  memory("eval of 1 MB, again and again", "for (let i = 0; ; i += 1) eval('[' + '{},'.repeat(3.4e5) + i + ']');"),
  memory("split of a long string", "'a,'.repeat(2e7).split(',');"),
  memory("ArrayBuffers kept", "const a = []; for (;;) a.push(new ArrayBuffer(1e6));", { answers: ["500 exception", "503 memory_limit"] }),
  memory("ArrayBuffers kept, error swallowed", "const a = []; for (;;) try { a.push(new ArrayBuffer(1e6)); } catch {}", { answers: [...CPU, "503 memory_limit"] }),
  memory("small ArrayBuffers kept", "const a = []; for (;;) a.push(new ArrayBuffer(1));"),
  memory("resizable ArrayBuffer", "const a = []; for (;;) { const b = new ArrayBuffer(0, { maxByteLength: 1e8 }); b.resize(1e8); new Uint8Array(b).fill(1); a.push(b); }"),
  memory("WebAssembly.Memory growth", "const m = []; for (;;) { const w = new WebAssembly.Memory({ initial: 1000 }); new Uint8Array(w.buffer).fill(1); m.push(w); }"),
  memory("WebAssembly memory.grow inside", `const { instance } = await WebAssembly.instantiate(${WASM_GROW}); instance.exports.run();`),
  memory("WebAssembly.Table growth", "const t = new WebAssembly.Table({ initial: 1, element: 'anyfunc' }); const a = []; for (;;) { const u = new WebAssembly.Table({ initial: 9e6, element: 'externref' }, {}); a.push(u); }"),
  memory("WebAssembly modules kept", `${WASM_HUGE} const a = []; for (let i = 0; ; i += 1) { a.push(await WebAssembly.compile(module)); }`, { answers: [...EITHER, "504 timeout"] }),
  memory("structuredClone nested", "let o = {}; for (let i = 0; i < 1e6; i += 1) o = { o }; structuredClone(o);"),
  memory("structuredClone wide", "const a = new Array(1e6).fill(0).map((_, i) => ({ i })); const k = []; for (;;) k.push(structuredClone(a));"),
  memory("structuredClone cyclic and shared", "const a = []; for (let i = 0; i < 1e5; i += 1) a.push(a); const k = []; for (;;) k.push(structuredClone(a));"),
  memory("structuredClone of buffers", "const b = new Uint8Array(3e7); const k = []; for (;;) k.push(structuredClone([b, b]));"),
  memory("messages posted and never read", "const { port1, port2 } = new MessageChannel(); globalThis.k = port2; const b = new Uint8Array(1e6); for (;;) port1.postMessage(b);"),
  memory("decompression bomb", "let z = new Uint8Array(await new Response(new Blob([new Uint8Array(3e7)]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()); const k = []; for (;;) k.push(await new Response(new Blob([z]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());"),
  memory("decompressor fed and never read", "const d = new DecompressionStream('gzip'); const z = await new Response(new Blob([new Uint8Array(3e7)]).stream().pipeThrough(new CompressionStream('gzip'))).bytes(); const w = d.writable.getWriter(); w.write(z).catch(() => {}); await w.write(z);", { answers: [...EITHER, "504 timeout"] }),
  memory("ten thousand codecs", "const k = []; for (;;) { const c = new CompressionStream('gzip'); const w = c.writable.getWriter(); w.write(new Uint8Array(1000)).catch(() => {}); k.push(c, w); }"),
  memory("brotli codecs", "const k = []; for (;;) { const c = new CompressionStream('brotli'); const w = c.writable.getWriter(); w.write(new Uint8Array(1000)).catch(() => {}); k.push(c, w); }"),
  memory("unbounded request body, text()", "return new Response(String((await request.text()).length));", { method: "POST", body: endlessBody, answers: ["413 body_too_large", "ECONNRESET", "EPIPE", ...MEMORY] }),
  memory("unbounded request body, chunks kept", "const k = []; for await (const c of request.body) k.push(c); return new Response('x');", { method: "POST", body: endlessBody, answers: ["413 body_too_large", "ECONNRESET", "EPIPE", ...EITHER] }),
  memory("tee with one side unread", "const [a, b] = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); } }).tee(); globalThis.k = b; for await (const c of a);"),
  memory("stream enqueues without end", "return new Response(new ReadableStream({ start(c) { for (;;) c.enqueue(new Uint8Array(65536)); } }));"),
  memory("stream enqueues strings without end", "new ReadableStream({ start(c) { for (let i = 0; ; i += 1) c.enqueue('x' + i); } });"),
  memory("a million timers", "for (;;) setTimeout(() => {}, 1e6);"),
  memory("a million pending fetches", "const u = env.UPSTREAM; const k = []; for (let i = 0; i < 1e6; i += 1) k.push(fetch(u + i)); await Promise.all(k);", { answers: [...EITHER, "504 timeout"], upstream: true }),
  memory("fetches with large bodies that are not read", "const u = env.UPSTREAM; for (;;) { const k = []; for (let i = 0; i < 50; i += 1) k.push(fetch(u, { method: 'POST', body: 'x'.repeat(1e6) })); await Promise.race(k); }", { answers: [...EITHER, "504 timeout"], upstream: true }),
  memory("a million headers", "const h = new Headers(); for (let i = 0; ; i += 1) h.append('a' + i, 'b'.repeat(100));"),
  memory("a response with a million headers", "const h = new Headers(); for (let i = 0; i < 1e5; i += 1) h.append('a' + i, 'b'); return new Response('x', { headers: h });"),
  memory("a million Promises", "const k = []; for (;;) k.push(new Promise(() => {}));"),
  memory("a million event listeners", "const t = new EventTarget(); for (let i = 0; ; i += 1) t.addEventListener('a', () => i);"),
  memory("a million listeners of AbortSignal.timeout", "const k = []; for (let i = 0; ; i += 1) k.push(AbortSignal.timeout(1e6));"),
  memory("deep recursion", "const f = () => f() + 1; f();", { answers: ["500 exception"] }),
  memory("huge error stacks", "Error.stackTraceLimit = Infinity; const k = []; const f = (n) => (n ? f(n - 1) : k.push(new Error('x'.repeat(1000)).stack)); for (;;) f(5000);"),
  memory("huge error message", "throw new Error('x'.repeat(3e7));", { answers: ["500 exception", "503 memory_limit"] }),
  memory("Symbol.for growth", "for (let i = 0; ; i += 1) Symbol.for('s' + i);"),
  memory("internalised strings", "const o = Object.create(null); for (let i = 0; ; i += 1) { o['k' + i]; o[i + 'x'.repeat(100)] = 1; }"),
  memory("Blobs kept", "const k = []; for (;;) k.push(new Blob([new Uint8Array(1e6)]));"),
  memory("FormData growth", "const f = new FormData(); for (let i = 0; ; i += 1) f.append('a' + i, new Blob(['x'.repeat(1000)]));"),
  memory("URLs kept", "const k = []; for (let i = 0; ; i += 1) k.push(new URL('http://example.com/' + 'a'.repeat(5000) + i));"),
  memory("URLSearchParams growth", "const p = new URLSearchParams(); for (let i = 0; ; i += 1) p.append('a' + i, 'b'.repeat(1000));"),
  memory("TextDecoder streams kept", "const k = []; for (;;) { const d = new TextDecoder('gb18030'); d.decode(new Uint8Array([0x81]), { stream: true }); k.push(d); }"),
  memory("CryptoKeys kept", "const k = []; for (;;) k.push(await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']));", { answers: EITHER }),
  memory("crypto over kept buffers", "const b = new Uint8Array(6e7); const k = []; for (;;) k.push(crypto.subtle.digest('SHA-256', b));", { answers: [...EITHER, "504 timeout"] }),
  memory("eval'd code kept", "const k = []; for (let i = 0; ; i += 1) k.push(new Function('return ' + i + ';' + '/*x*/'.repeat(1000)));"),
  memory("regular expressions kept", "const k = []; for (let i = 0; ; i += 1) { const r = new RegExp('a{' + (i % 900) + ',1000}b|' + i); r.test('aaa'); k.push(r); }"),
  memory("regex with a huge expansion", "new RegExp('((((((a{1,100}){1,100}){1,100}){1,100})))').test('a'.repeat(1000));", { answers: [...EITHER, "200"] }),
  memory("waitUntil without end", "for (;;) ctx.waitUntil(new Promise(() => {}));"),
  memory("Request clones", "const k = []; const r = new Request('http://a/', { method: 'POST', body: 'x'.repeat(1e6) }); for (;;) k.push(await r.clone().text());"),
  memory("generators and closures kept", "const k = []; function* g() { const a = new Array(100); yield a; } for (;;) { const x = g(); x.next(); k.push(x); }", { answers: HEAP }),
  memory("WeakMap growth", "const w = new WeakMap(); const k = []; for (;;) { const o = {}; w.set(o, new Array(100)); k.push(o); }"),
  { group: "memory", name: "memory at start-up", module: "const k = []; for (;;) k.push({});\nexport default { fetch() {} };", answers: ["500 startup"], budgetMs: 2000, startUp: true },
  { group: "memory", name: "lost at start-up", module: "new Array(1e8).fill(1.5);\nexport default { fetch() {} };", answers: ["500 startup", "503 memory_limit", "503 crash_loop"], budgetMs: 2000, startUp: true },
  { group: "memory", name: "huge JSON import", module: "import o from './huge.json';\nexport default { fetch() { return new Response(String(o.length)); } };", files: () => ({ "huge.json": `[${"[1],".repeat(1.2e7)}1]` }), answers: ["500 startup", "503 memory_limit", "503 crash_loop"], startUp: true },
  { group: "memory", name: "10,000 dynamic imports", run: "const k = []; for (let i = 0; i < 10000; i += 1) k.push(await import('./many/m' + i + '.js')); return new Response('x');", files: () => Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`many/m${i}.js`, `export default ${i};`])), answers: [...EITHER] },

  // --- Requests ---
  other("2,000 hanging requests", "await new Promise(() => {});", { connections: 2000, answers: ["504 timeout", "503 overloaded", "500 exception"] }),
  other("2,000 hanging streams", "return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(9)); } }));", { connections: 2000, leaveAfterMs: 2000, answers: ["left", "200, cut", "504 timeout", "503 overloaded"] }),
  other("slow-loris heads", "return new Response('x');", { slowLoris: "head", connections: 500, answers: [] }),
  other("slow-loris bodies", "await request.text(); return new Response('x');", { slowLoris: "body", connections: 500, answers: [] }),
  other("clients that leave at once", "await new Promise((done) => setTimeout(done, 1000)); return new Response('x');", { leaveAfterMs: 2, connections: 50, answers: ["left"] }),
];

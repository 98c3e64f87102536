const { subtle } = crypto;
const utf8 = (text) => new TextEncoder().encode(text);
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const hmac = (hash, more) => ({ name: "HMAC", hash, ...more });
const importRaw = (hash, bytes, usages = ["sign", "verify"], extractable = true) =>
  subtle.importKey("raw", bytes, hmac(hash), extractable, usages);

test("getRandomValues", () => {
  for (const Type of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array]) {
    const array = new Type(8);
    assert(crypto.getRandomValues(array) === array);
    assert(array.some((value) => value != 0), Type.name);
  }
  const part = new Uint8Array(64);
  crypto.getRandomValues(part.subarray(16, 48));
  assert(part.subarray(0, 16).every((value) => value === 0) && part.subarray(48).every((value) => value === 0));
  assertEquals(crypto.getRandomValues(new Uint8Array(0)).length, 0);
  assertEquals(crypto.getRandomValues(new Uint8Array(65536)).length, 65536);
  assertThrows(() => crypto.getRandomValues(new Uint8Array(65537)), QuotaExceededError);
  assertThrows(() => crypto.getRandomValues(new Float64Array(65537)), "TypeMismatchError");
  assertThrows(() => crypto.getRandomValues(new DataView(new ArrayBuffer(8))), "TypeMismatchError");
  assertThrows(() => crypto.getRandomValues(new ArrayBuffer(8)), TypeError);
  assertThrows(() => crypto.getRandomValues(), TypeError);
});

test("randomUUID", () => {
  const seen = new Set();
  for (let i = 0; i < 100; i++) {
    const uuid = crypto.randomUUID();
    assert(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), uuid);
    seen.add(uuid);
  }
  assertEquals(seen.size, 100);
});

// FIPS 180-4 examples: "abc".
const DIGESTS = {
  "SHA-1": "a9993e364706816aba3e25717850c26c9cd0d89d",
  "SHA-256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  "SHA-384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
  "SHA-512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
};
for (const name of Object.keys(DIGESTS)) {
  test(`digest: ${name}`, async () => {
    const data = utf8("xabcx");
    for (const algorithm of [name, { name }, name.toLowerCase()]) {
      for (const source of [data.subarray(1, 4), utf8("abc").buffer, new DataView(data.buffer, 1, 3)]) {
        const result = await subtle.digest(algorithm, source);
        assert(result instanceof ArrayBuffer);
        assertEquals(hex(result), DIGESTS[name]);
      }
    }
  });
}

test("digest: what it refuses", async () => {
  for (const algorithm of ["", "MD5", "SHA256", "\u017fHA-256", "HMAC"]) {
    await assertRejects(subtle.digest(algorithm, utf8("")), "NotSupportedError");
  }
  await assertRejects(subtle.digest({}, utf8("")), TypeError);
  await assertRejects(subtle.digest("SHA-1", "text"), TypeError);
  await assertRejects(subtle.digest("SHA-1"), TypeError);
});

test("digest: bytes are those after the algorithm was read", async () => {
  const data = utf8("xbc");
  const promise = subtle.digest({ get name() { data[0] = 97; return "SHA-1"; } }, data);
  data[0] = 120;
  assertEquals(hex(await promise), DIGESTS["SHA-1"]);
});

// RFC 4231, test case 2, and RFC 2202 for SHA-1.
const MACS = {
  "SHA-1": "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
  "SHA-256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  "SHA-384": "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
  "SHA-512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
};
for (const hash of Object.keys(MACS)) {
  test(`HMAC: ${hash}`, async () => {
    const key = await importRaw(hash, utf8("Jefe"));
    const data = utf8("what do ya want for nothing?");
    const mac = await subtle.sign("hmac", key, data);
    assertEquals(hex(mac), MACS[hash]);
    assertEquals(await subtle.verify("HMAC", key, mac, data), true);
    assertEquals(await subtle.verify("HMAC", key, mac.slice(1), data), false);
    assertEquals(await subtle.verify("HMAC", key, new Uint8Array(0), data), false);
    new Uint8Array(mac)[3] ^= 1;
    assertEquals(await subtle.verify("HMAC", key, mac, data), false);
  });
}

test("HMAC: a key and its copies", async () => {
  const raw = utf8("secret");
  const key = await importRaw("SHA-256", raw, ["verify", "sign", "verify"]);
  raw[0] = 0;
  assertEquals([key.type, key.extractable, key.usages], ["secret", true, ["sign", "verify"]]);
  assertEquals(key.algorithm, { name: "HMAC", hash: { name: "SHA-256" }, length: 48 });
  assert(key.algorithm === key.algorithm && key.usages === key.usages);
  key.algorithm.name = "X";
  key.usages.length = 0;
  assertEquals((await subtle.sign("HMAC", key, raw)).byteLength, 32);
  const exported = await subtle.exportKey("raw", key);
  assertEquals(hex(exported), hex(utf8("secret")));
  new Uint8Array(exported)[0] = 0;
  const jwk = await subtle.exportKey("jwk", key);
  assertEquals(jwk, { alg: "HS256", ext: true, k: "c2VjcmV0", key_ops: ["sign", "verify"], kty: "oct" });
  const again = await subtle.importKey("jwk", jwk, hmac("SHA-256"), false, ["sign"]);
  assertEquals([again.extractable, again.usages], [false, ["sign"]]);
  const [one, two] = await Promise.all([subtle.sign("HMAC", key, raw), subtle.sign("HMAC", again, raw)]);
  assertEquals(hex(one), hex(two));
});

const BLOCKS = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
for (const hash of Object.keys(BLOCKS)) {
  test(`HMAC: generateKey ${hash}`, async () => {
    const key = await subtle.generateKey(hmac(hash), true, ["sign"]);
    assertEquals(key.algorithm.length, BLOCKS[hash]);
    assertEquals((await subtle.exportKey("raw", key)).byteLength, BLOCKS[hash] / 8);
    const short = await subtle.generateKey(hmac({ name: hash.toLowerCase() }, { length: 20 }), true, ["verify"]);
    assertEquals([short.algorithm.length, (await subtle.exportKey("raw", short)).byteLength], [20, 3]);
  });
}

const jwkOf = (more) => ({ kty: "oct", k: "c2VjcmV0", ...more });
// [what, error, promise]
const FAILURES = [
  ["generateKey of length 0", "OperationError", () => subtle.generateKey(hmac("SHA-1", { length: 0 }), true, ["sign"])],
  ["generateKey with a bad length", TypeError, () => subtle.generateKey(hmac("SHA-1", { length: -1 }), true, ["sign"])],
  ["generateKey without hash", TypeError, () => subtle.generateKey("HMAC", true, ["sign"])],
  ["generateKey with a bad hash", "NotSupportedError", () => subtle.generateKey(hmac("MD5"), true, ["sign"])],
  ["generateKey without usages", "SyntaxError", () => subtle.generateKey(hmac("SHA-1"), true, [])],
  ["generateKey with another usage", "SyntaxError", () => subtle.generateKey(hmac("SHA-1"), true, ["sign", "encrypt"])],
  ["generateKey with no usage at all", TypeError, () => subtle.generateKey(hmac("SHA-1"), true, ["x"])],
  ["generateKey of what is not there", "NotSupportedError", () => subtle.generateKey({ name: "AES-OCB", length: 128 }, true, ["encrypt"])],
  ["empty key", "DataError", () => importRaw("SHA-1", new Uint8Array(0))],
  ["no usages", "SyntaxError", () => importRaw("SHA-1", utf8("x"), [])],
  ["another format", "NotSupportedError", () => subtle.importKey("spki", utf8("x"), hmac("SHA-1"), true, ["sign"])],
  ["no format", TypeError, () => subtle.importKey("x", utf8("x"), hmac("SHA-1"), true, ["sign"])],
  ["raw of an object", TypeError, () => subtle.importKey("raw", jwkOf(), hmac("SHA-1"), true, ["sign"])],
  ["jwk of bytes", TypeError, () => subtle.importKey("jwk", utf8("x"), hmac("SHA-1"), true, ["sign"])],
  ["length over", "DataError", () => subtle.importKey("raw", utf8("xy"), hmac("SHA-1", { length: 17 }), true, ["sign"])],
  ["length under", "DataError", () => subtle.importKey("raw", utf8("xy"), hmac("SHA-1", { length: 8 }), true, ["sign"])],
  ...[
    ["kty", { kty: "RSA" }], ["k", { k: undefined }], ["base64url", { k: "a+b/" }], ["alg", { alg: "HS512" }],
    ["use", { use: "enc" }], ["key_ops", { key_ops: ["verify"] }], ["key_ops twice", { key_ops: ["sign", "sign"] }],
    ["ext", { ext: false }],
  ].map(([what, more]) => [`jwk: ${what}`, "DataError", () => subtle.importKey("jwk", jwkOf(more), hmac("SHA-256"), true, ["sign"])]),
  ["not extractable", "InvalidAccessError", async () => subtle.exportKey("raw", await importRaw("SHA-1", utf8("x"), ["sign"], false))],
  ["export to another format", "NotSupportedError", async () => subtle.exportKey("pkcs8", await importRaw("SHA-1", utf8("x")))],
  ["sign without the usage", "InvalidAccessError", async () => subtle.sign("HMAC", await importRaw("SHA-1", utf8("x"), ["verify"]), utf8(""))],
  ["verify without the usage", "InvalidAccessError",
    async () => subtle.verify("HMAC", await importRaw("SHA-1", utf8("x"), ["sign"]), utf8(""), utf8(""))],
  ["a key that is none", TypeError, () => subtle.sign("HMAC", {}, utf8(""))],
  ["encrypt", "NotSupportedError", async () => subtle.encrypt("HMAC", await importRaw("SHA-1", utf8("x")), utf8(""))],
  ["deriveBits", "NotSupportedError", async () => subtle.deriveBits("HMAC", await importRaw("SHA-1", utf8("x")), 8)],
];
for (const [what, error, run] of FAILURES) {
  test(`SubtleCrypto refuses: ${what}`, async () => {
    await assertRejects(run, error);
  });
}

test("SubtleCrypto: jwk import that says what is right", async () => {
  const jwk = jwkOf({ alg: "HS256", use: "sig", key_ops: ["sign", "verify", "other"], ext: true });
  assertEquals((await subtle.importKey("jwk", jwk, hmac("SHA-256"), true, ["verify"])).usages, ["verify"]);
});

test("crypto: interfaces", async () => {
  for (const Interface of [Crypto, SubtleCrypto, CryptoKey]) {
    assertThrows(() => new Interface(), TypeError);
    assertThrows(() => new Interface({}), TypeError);
  }
  assert(crypto instanceof Crypto && crypto.subtle instanceof SubtleCrypto && crypto.subtle === subtle);
  const lengths = {
    encrypt: 3, decrypt: 3, sign: 3, verify: 4, digest: 2, generateKey: 3, deriveKey: 5, deriveBits: 2, importKey: 5,
    exportKey: 2, wrapKey: 4, unwrapKey: 7,
  };
  assertEquals(Object.keys(SubtleCrypto.prototype).sort(), Object.keys(lengths).sort());
  for (const name of Object.keys(lengths)) {
    assertEquals(SubtleCrypto.prototype[name].length, lengths[name], name);
    await assertRejects(SubtleCrypto.prototype[name].call({}), TypeError);
    await assertRejects(subtle[name](), TypeError);
  }
  assertEquals(Object.keys(CryptoKey.prototype).sort(), ["algorithm", "extractable", "type", "usages"]);
  assertThrows(() => Crypto.prototype.subtle, TypeError);
  assertThrows(() => Crypto.prototype.randomUUID.call({}), TypeError);
});

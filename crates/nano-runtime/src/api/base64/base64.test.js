test("atob: forgiving-base64", () => {
  for (const [input, output] of [
    ["", ""], ["YQ==", "a"], ["YQ", "a"], ["YWI=", "ab"], ["YWI", "ab"], ["YWJj", "abc"], [" Y\tW\nJ\fj\r", "abc"],
    ["Y Q = =", "a"], ["/+8=", "\xff\xef"], ["ZR", "e"], [null, "\x9e\xe9e"], [12, "\xd7"], [[], ""],
    ["AAECAwQFBgcICQ==", "\0\x01\x02\x03\x04\x05\x06\x07\x08\x09"],
  ]) {
    assertEquals(atob(input), output, String(input));
  }
  for (const input of [
    "a", "=", "==", "===", "====", "YQ=", "Y===", "YQ===", "YWI==", "YWJj=", "=YQ=", "Y=Q=", "Y-_Q", "Y\vQ==", "YQ\u00a0==",
    "\0", "é", "Ā", undefined, {}, "YQ==YQ==",
  ]) {
    assertThrows(() => atob(input), "InvalidCharacterError");
  }
  assertThrows(() => atob(), TypeError);
  assertThrows(() => atob(Symbol()), TypeError);
});

test("btoa", () => {
  for (const [input, output] of [
    ["", ""], ["a", "YQ=="], ["ab", "YWI="], ["abc", "YWJj"], ["\xff\0", "/wA="], [null, "bnVsbA=="], [undefined, "dW5kZWZpbmVk"],
    [{ toString: () => "x" }, "eA=="],
  ]) {
    assertEquals(btoa(input), output, String(input));
  }
  for (const input of ["\u0100", "aé✓", "\ud800"]) assertThrows(() => btoa(input), "InvalidCharacterError");
  assertThrows(() => btoa(), TypeError);
});

test("atob and btoa: every byte, every length", () => {
  let all = "";
  for (let i = 0; i < 256; i++) {
    all += String.fromCharCode(i);
    assertEquals(atob(btoa(all)), all);
    assertEquals(btoa(all).length, Math.ceil(all.length / 3) * 4);
  }
  assertEquals([atob.length, btoa.length, atob.name, btoa.name], [1, 1, "atob", "btoa"]);
});

test("atob and btoa do not depend on Uint8Array's methods", () => {
  const { fromBase64 } = Uint8Array;
  const { toBase64 } = Uint8Array.prototype;
  Uint8Array.fromBase64 = Uint8Array.prototype.toBase64 = () => { throw new Error("called"); };
  Object.prototype.alphabet = "base64url";
  try {
    assertEquals(atob(btoa("\xff\xfe")), "\xff\xfe");
    assertEquals(btoa("\xff\xfe"), "//4=");
  } finally {
    delete Object.prototype.alphabet;
    Uint8Array.fromBase64 = fromBase64;
    Uint8Array.prototype.toBase64 = toBase64;
  }
});

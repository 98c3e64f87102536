// The bytes that go through the proxies: each word of eight tells where it is, so a piece that is missing, doubled or in
// another place shows in the first word after it.

export const WORD = 8;

/** Some of the file from `offset`, which is a whole number of words. */
export function pattern(offset, bytes) {
  const piece = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += WORD) piece.writeBigUInt64LE(BigInt(offset + at), at);
  return piece;
}

const HEADER_BYTES = 54;
const COLOURS = 256;

/** A Windows bitmap of 8-bit points, rows from the top; `colour` gives red, green and blue of each value. */
export function bitmap(points, width, height, colour) {
  const offset = HEADER_BYTES + COLOURS * 4;
  const stride = Math.ceil(width / 4) * 4;
  const bytes = new Uint8Array(offset + stride * height);
  const view = new DataView(bytes.buffer);

  view.setUint16(0, 0x424d); // "BM"
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, offset, true);
  view.setUint32(14, 40, true); // size of the second header, which starts here
  view.setInt32(18, width, true);
  view.setInt32(22, -height, true); // negative: rows from the top
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  view.setUint32(34, stride * height, true);
  view.setUint32(46, COLOURS, true);

  for (let value = 0; value < COLOURS; value++) {
    const [red, green, blue] = colour(value);
    bytes.set([blue, green, red, 0], HEADER_BYTES + value * 4);
  }
  for (let row = 0; row < height; row++) {
    bytes.set(points.subarray(row * width, (row + 1) * width), offset + row * stride);
  }
  return bytes;
}

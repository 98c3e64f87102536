// Blob URLs (https://w3c.github.io/FileAPI/#url): what URL.createObjectURL and URL.revokeObjectURL do.
//
// The store is the isolate's. An app has no origin, so its URLs have that of an opaque one, "null".

const {
  MapPrototypeDelete, MapPrototypeGet, MapPrototypeGetSize, MapPrototypeSet, RangeError, SafeMap, TypeError,
} = primordials;
const webidl = require("webidl");
const { isBlob } = require("file");
const { parseHref, withoutFragment } = require("url");

/** URLs that an isolate may have at a time; what their blobs hold counts as memory besides. */
const BLOB_URLS_MAX = 10_000;

/** By URL; made for the first one. */
let store;

exports.createObjectURL = (obj) => {
  const prefix = "Failed to execute 'createObjectURL' on 'URL'";
  if (!isBlob(obj)) throw new TypeError(`${prefix}: Argument 1 is not a Blob`);
  store ??= new SafeMap();
  if (MapPrototypeGetSize(store) >= BLOB_URLS_MAX) throw new RangeError(`${prefix}: too many blob URLs in this app`);
  const url = `blob:null/${ops.crypto_random_uuid()}`;
  MapPrototypeSet(store, url, obj);
  return url;
};
exports.revokeObjectURL = (url) => {
  const prefix = "Failed to execute 'revokeObjectURL' on 'URL'";
  const href = parseHref(webidl.converters.USVString(url, prefix, "Argument 1"), undefined);
  // With a fragment it is the key of no entry ("remove an entry").
  if (href !== undefined && store !== undefined) MapPrototypeDelete(store, href);
};

/** "Resolve a blob URL" (8.3.1): its Blob, or undefined. */
exports.blobOfURL = (href) => (store === undefined ? undefined : MapPrototypeGet(store, withoutFragment(href)));

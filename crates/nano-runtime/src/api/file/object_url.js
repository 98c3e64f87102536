// Blob URLs (https://w3c.github.io/FileAPI/#url): URL.createObjectURL and URL.revokeObjectURL.
//
// The store is the isolate's. An app has no origin, so its URLs have that of an opaque one, "null".

const {
  MapPrototypeDelete, MapPrototypeGet, MapPrototypeGetSize, MapPrototypeSet, ObjectDefineProperty, RangeError, SafeMap,
  TypeError,
} = primordials;
const webidl = require("webidl");
const { isBlob } = require("file");
const { URL, parseHref, withoutFragment } = require("url");

/** URLs that an isolate may have at a time; what their blobs hold counts as memory besides. */
const BLOB_URLS_MAX = 10_000;

/** By URL; made for the first one. */
let store;

const methods = {
  createObjectURL(obj) {
    const prefix = "Failed to execute 'createObjectURL' on 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    if (!isBlob(obj)) throw new TypeError(`${prefix}: Argument 1 is not a Blob`);
    store ??= new SafeMap();
    if (MapPrototypeGetSize(store) >= BLOB_URLS_MAX) throw new RangeError(`${prefix}: too many blob URLs in this app`);
    const url = `blob:null/${ops.crypto_random_uuid()}`;
    MapPrototypeSet(store, url, obj);
    return url;
  },
  revokeObjectURL(url) {
    const prefix = "Failed to execute 'revokeObjectURL' on 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const href = parseHref(webidl.converters.USVString(url, prefix, "Argument 1"), undefined);
    // With a fragment it is the key of no entry ("remove an entry").
    if (href !== undefined && store !== undefined) MapPrototypeDelete(store, href);
  },
};

// "partial interface URL"
for (const name of ["createObjectURL", "revokeObjectURL"]) {
  ObjectDefineProperty(URL, name, {
    __proto__: null, value: methods[name], writable: true, enumerable: true, configurable: true,
  });
}

/** "Resolve a blob URL" (8.3.1): its Blob, or undefined. */
exports.blobOfURL = (href) => (store === undefined ? undefined : MapPrototypeGet(store, withoutFragment(href)));

// Bodies as Blobs and forms, and of forms.

const {
  MapPrototypeGet, ObjectSetPrototypeOf, TypeError,
} = primordials;
const { blobOf } = require("file");
const { formDataFromList, listOf: listOfFormData } = require("form_data");
const { parseMultipart, serializeMultipart } = require("form_data/multipart");
const { listGet } = require("headers");
const { extractMimeType, serializeMimeType } = require("fetch/mime");
const { BYTES, Body } = require("fetch/body");
const { parseUrlencoded } = require("url/searchparams");

/** The Body of a FormData. */
class MultipartBody extends Body {
  constructor(bytes, type) {
    super(BYTES, bytes, undefined);
    this.type = type;
  }
}

function multipartBody(formData) {
  // Nobody can know it beforehand, so nothing of the form's contents is taken for it.
  const boundary = `----formdata-${ops.crypto_random_uuid()}`;
  const bytes = serializeMultipart(listOfFormData(formData), boundary);
  return new MultipartBody(bytes, `multipart/form-data; boundary=${boundary}`);
}

/** "Get the MIME type" of a header list. */
const mimeTypeOf = (list) => extractMimeType(listGet(list, "content-type"));

/** What `blob()` makes of the bytes. */
class BlobOf {
  constructor(list) {
    this.list = list;
  }
  of(bytes) {
    const mimeType = mimeTypeOf(this.list);
    return blobOf(bytes, mimeType === undefined ? "" : serializeMimeType(mimeType));
  }
}
ObjectSetPrototypeOf(BlobOf.prototype, null);

/** What `formData()` makes of the bytes. */
class FormDataOf {
  constructor(list) {
    this.list = list;
  }
  of(bytes) {
    const mimeType = mimeTypeOf(this.list);
    const essence = mimeType === undefined ? "" : mimeType.essence;
    if (essence === "multipart/form-data") {
      const boundary = MapPrototypeGet(mimeType.parameters, "boundary");
      if (boundary === undefined) throw new TypeError("The Content-Type multipart/form-data has no boundary");
      return formDataFromList(parseMultipart(bytes, boundary));
    }
    if (essence !== "application/x-www-form-urlencoded") {
      throw new TypeError("The Content-Type is neither multipart/form-data nor application/x-www-form-urlencoded");
    }
    return formDataFromList(parseUrlencoded(ops.form_urlencoded_text(bytes)));
  }
}
ObjectSetPrototypeOf(FormDataOf.prototype, null);

exports.multipartBody = multipartBody;
exports.BlobOf = BlobOf;
exports.FormDataOf = FormDataOf;

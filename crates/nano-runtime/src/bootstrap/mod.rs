//! The built-in JavaScript: which files, in which order, and which of them wait until they are needed.

use std::sync::OnceLock;

/// A built-in file. Its text is ASCII and stays where it is: V8 refers to it, so that no isolate has a copy.
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) source: &'static v8::OneByteConst,
    /// What V8 compiled of a lazy one, once an isolate has run it.
    pub(crate) code_cache: &'static OnceLock<Vec<u8>>,
}

macro_rules! built_ins {
    ($($name:literal => $path:literal),* $(,)?) => {
        &[$({
            static SOURCE: v8::OneByteConst =
                v8::String::create_external_onebyte_const(concat!("\"use strict\";", include_str!($path)).as_bytes());
            static CODE_CACHE: OnceLock<Vec<u8>> = OnceLock::new();
            BuiltIn { name: $name, source: &SOURCE, code_cache: &CODE_CACHE }
        }),*]
    };
}

/// Those that are evaluated for the snapshot, in their order: each may require those before it. What is here costs memory
/// and time in every isolate, so it is what the smallest apps need.
pub(crate) const EAGER: &[BuiltIn] = built_ins![
    "loader" => "loader.js",
    "primordials" => "primordials.js",
    "webidl" => "webidl.js",
    "native_code" => "../api/native_code/native_code.js",
    "array_buffer" => "../api/array_buffer/array_buffer.js",
    "domexception" => "../api/domexception/domexception.js",
    "inspectors" => "../api/console/inspectors.js",
    "structured_clone/registry" => "../api/structured_clone/registry.js",
    "event" => "../api/event/event.js",
    "abort" => "../api/abort/abort.js",
    "timers" => "../api/timers/timers.js",
    "global_scope" => "../api/global_scope/global_scope.js",
    "url" => "../api/url/url.js",
    "headers" => "../api/headers/headers.js",
    "fetch/body" => "../api/fetch/body.js",
    "fetch/response" => "../api/fetch/response.js",
    "fetch/send" => "../api/fetch/send.js",
    "fetch/request" => "../api/fetch/request.js",
    "dispatch" => "dispatch.js",
    "main" => "main.js",
];

/// Those that an isolate evaluates when something there needs them (`loader.js`).
pub(crate) const LAZY: &[BuiltIn] = built_ins![
    "console/text" => "../api/console/text.js",
    "inspect" => "../api/console/inspect.js",
    "inspect_kinds" => "../api/console/inspect_kinds.js",
    "event_types" => "../api/event/event_types.js",
    "console" => "../api/console/console.js",
    "structured_clone" => "../api/structured_clone/structured_clone.js",
    "message_channel" => "../api/message_channel/message_channel.js",
    "streams/base" => "../api/streams/base.js",
    "streams/strategies" => "../api/streams/strategies.js",
    "streams/buffers" => "../api/streams/buffers.js",
    "streams/readable_state" => "../api/streams/readable_state.js",
    "streams/readable_controller" => "../api/streams/readable_controller.js",
    "streams/readable_default" => "../api/streams/readable_default.js",
    "streams/readable_byte" => "../api/streams/readable_byte.js",
    "streams/readable_byte_api" => "../api/streams/readable_byte_api.js",
    "streams/readers" => "../api/streams/readers.js",
    "streams/writer_state" => "../api/streams/writer_state.js",
    "streams/writable_state" => "../api/streams/writable_state.js",
    "streams/writable" => "../api/streams/writable.js",
    "streams/pipe" => "../api/streams/pipe.js",
    "streams/tee" => "../api/streams/tee.js",
    "streams/from" => "../api/streams/from.js",
    "streams/iterator" => "../api/streams/iterator.js",
    "streams/readable" => "../api/streams/readable.js",
    "streams/transform" => "../api/streams/transform.js",
    "streams/transfer" => "../api/streams/transfer.js",
    "streams" => "../api/streams/streams.js",
    "url/searchparams" => "../api/url/searchparams.js",
    "file" => "../api/file/file.js",
    "file/object_url" => "../api/file/object_url.js",
    "form_data" => "../api/form_data/form_data.js",
    "form_data/multipart" => "../api/form_data/multipart.js",
    "fetch/mime" => "../api/fetch/mime.js",
    "fetch/schemes" => "../api/fetch/schemes.js",
    "fetch/fetch" => "../api/fetch/fetch.js",
    "fetch_event" => "../api/fetch_event/fetch_event.js",
    "fetch/body_streams" => "../api/fetch/body_streams.js",
    "fetch/body_forms" => "../api/fetch/body_forms.js",
    "fetch/pump" => "../api/fetch/pump.js",
    "base64" => "../api/base64/base64.js",
    "performance" => "../api/performance/performance.js",
    "navigator" => "../api/navigator/navigator.js",
    "encoding/utf8" => "../api/encoding/utf8.js",
    "encoding" => "../api/encoding/encoding.js",
    "encoding/streams" => "../api/encoding/streams.js",
    "compression" => "../api/compression/compression.js",
    "urlpattern" => "../api/urlpattern/urlpattern.js",
    "webassembly" => "../api/webassembly/webassembly.js",
    "crypto/key" => "../api/crypto/key.js",
    "crypto/algorithms" => "../api/crypto/algorithms.js",
    "crypto/jwk" => "../api/crypto/jwk.js",
    "crypto/hmac" => "../api/crypto/hmac.js",
    "crypto/aes" => "../api/crypto/aes.js",
    "crypto/ec" => "../api/crypto/ec.js",
    "crypto/okp" => "../api/crypto/okp.js",
    "crypto/rsa" => "../api/crypto/rsa.js",
    "crypto/kdf" => "../api/crypto/kdf.js",
    "crypto/subtle" => "../api/crypto/subtle.js",
    "crypto" => "../api/crypto/crypto.js",
];

/// The app that is tried before the snapshot is made: an expression whose value is what an entry module exports.
pub(crate) const WARM_UP: &str = include_str!("warm_up.js");

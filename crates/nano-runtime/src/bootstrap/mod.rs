//! The built-in JavaScript: which files, in which order.

use v8::MapFnTo as _;

/// A built-in file, evaluated once for the snapshot. Its text is ASCII and stays where it is: V8 refers to it, so that
/// no isolate has a copy.
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) source: &'static v8::OneByteConst,
}

macro_rules! built_ins {
    ($($name:literal => $path:literal),* $(,)?) => {
        &[$({
            static SOURCE: v8::OneByteConst =
                v8::String::create_external_onebyte_const(concat!("\"use strict\";", include_str!($path)).as_bytes());
            BuiltIn { name: $name, source: &SOURCE }
        }),*]
    };
}

/// All of them, in the order of their evaluation: each may require those before it.
pub(crate) const BUILT_INS: &[BuiltIn] = built_ins![
    "primordials" => "primordials.js",
    "webidl" => "webidl.js",
    "native_code" => "../api/native_code/native_code.js",
    "array_buffer" => "../api/array_buffer/array_buffer.js",
    "domexception" => "../api/domexception/domexception.js",
    "inspect" => "../api/console/inspect.js",
    "inspect_kinds" => "../api/console/inspect_kinds.js",
    "event" => "../api/event/event.js",
    "event_types" => "../api/event/event_types.js",
    "abort" => "../api/abort/abort.js",
    "timers" => "../api/timers/timers.js",
    "global_scope" => "../api/global_scope/global_scope.js",
    "console" => "../api/console/console.js",
    "base64" => "../api/base64/base64.js",
    "structured_clone" => "../api/structured_clone/structured_clone.js",
    "message_channel" => "../api/message_channel/message_channel.js",
    "performance" => "../api/performance/performance.js",
    "navigator" => "../api/navigator/navigator.js",
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
    "encoding/utf8" => "../api/encoding/utf8.js",
    "encoding" => "../api/encoding/encoding.js",
    "encoding/streams" => "../api/encoding/streams.js",
    "compression" => "../api/compression/compression.js",
    "url/searchparams" => "../api/url/searchparams.js",
    "url" => "../api/url/url.js",
    "file" => "../api/file/file.js",
    "file/object_url" => "../api/file/object_url.js",
    "form_data" => "../api/form_data/form_data.js",
    "form_data/multipart" => "../api/form_data/multipart.js",
    "urlpattern" => "../api/urlpattern/urlpattern.js",
    "headers" => "../api/headers/headers.js",
    "fetch/mime" => "../api/fetch/mime.js",
    "fetch/body" => "../api/fetch/body.js",
    "fetch/response" => "../api/fetch/response.js",
    "webassembly" => "../api/webassembly/webassembly.js",
    "fetch/send" => "../api/fetch/send.js",
    "fetch/request" => "../api/fetch/request.js",
    "fetch/schemes" => "../api/fetch/schemes.js",
    "fetch/fetch" => "../api/fetch/fetch.js",
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
    "fetch_event" => "../api/fetch_event/fetch_event.js",
    "dispatch" => "dispatch.js",
    "main" => "main.js",
];

/// `require(name)`: the exports of a built-in that has run.
pub(crate) fn require_callback() -> v8::FunctionCallback {
    require.map_fn_to()
}

fn require<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let name = args.get(0);
    let exports =
        v8::Local::<v8::Object>::try_from(args.data()).ok().and_then(|loaded| loaded.get(scope, name));
    match exports {
        Some(exports) if exports.is_object() => rv.set(exports),
        _ => {
            let name = name.to_rust_string_lossy(scope);
            if let Some(message) = v8::String::new(scope, &format!("no built-in \"{name}\" before this one"))
            {
                let error = v8::Exception::error(scope, message);
                scope.throw_exception(error);
            }
        }
    }
}

//! URL parsing (WHATWG URL) by ada.

use ada_url::Url;

use crate::engine::{OpFn, ops};

/// Components that `out` gets: ada's offsets and the scheme's type.
const COMPONENTS: usize = 9;
/// What stands for an absent component.
const OMITTED: u32 = u32::MAX;

pub(super) fn ops() -> Vec<OpFn> {
    ops![url_parse, url_set, url_can_parse, url_origin]
}

fn parse(input: &str, base: Option<&str>) -> Option<Url> {
    Url::parse(input, base).ok()
}

/// Returns the serialised URL and writes its components to the Uint32Array `out`.
fn give(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    out: v8::Local<'_, v8::Value>,
    url: &Url,
) {
    let Ok(out) = v8::Local::<v8::Uint32Array>::try_from(out) else {
        return super::throw_type_error(scope, "not a Uint32Array");
    };
    let c = url.components();
    let values: [u32; COMPONENTS] = [
        c.protocol_end,
        c.username_end,
        c.host_start,
        c.host_end,
        c.port.unwrap_or(OMITTED),
        c.pathname_start.unwrap_or(OMITTED),
        c.search_start.unwrap_or(OMITTED),
        c.hash_start.unwrap_or(OMITTED),
        url.scheme_type() as u32,
    ];
    super::set_u32s(out, &values);
    super::return_string(scope, rv, url.href());
}

/// `url_parse(input, base | undefined, out)` -> href, or undefined.
fn url_parse(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(input) = super::string_arg(scope, &args, 0) else { return };
    let Some(base) = super::optional_string_arg(scope, &args, 1) else { return };
    if let Some(url) = parse(&input, base.as_deref()) {
        give(scope, &mut rv, args.get(2), &url);
    }
}

/// `url_can_parse(input, base | undefined)`.
fn url_can_parse(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(input) = super::string_arg(scope, &args, 0) else { return };
    let Some(base) = super::optional_string_arg(scope, &args, 1) else { return };
    rv.set_bool(Url::can_parse(&input, base.as_deref()));
}

/// `url_origin(href)` -> the origin, serialised.
fn url_origin(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(href) = super::string_arg(scope, &args, 0) else { return };
    let origin = parse(&href, None).map_or_else(|| "null".to_owned(), |url| url.origin());
    super::return_string(scope, &mut rv, &origin);
}

/// `url_set(href, part, value, out)` -> the new href, or undefined when the setter refuses. Parts: 0 href,
/// 1 protocol, 2 username, 3 password, 4 host, 5 hostname, 6 port, 7 pathname, 8 search, 9 hash.
fn url_set(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(href) = super::string_arg(scope, &args, 0) else { return };
    let Some(value) = super::string_arg(scope, &args, 2) else { return };
    let Some(mut url) = parse(&href, None) else { return };
    let given = Some(value.as_str());
    let accepted = match super::u32_arg(&args, 1) {
        0 => url.set_href(&value).is_ok(),
        1 => url.set_protocol(&value).is_ok(),
        2 => url.set_username(given).is_ok(),
        3 => url.set_password(given).is_ok(),
        4 => url.set_host(given).is_ok(),
        5 => url.set_hostname(given).is_ok(),
        6 => url.set_port(given).is_ok(),
        7 => url.set_pathname(given).is_ok(),
        8 => {
            url.set_search(given);
            true
        }
        9 => {
            url.set_hash(given);
            true
        }
        _ => return super::throw_type_error(scope, "no such part of a URL"),
    };
    if accepted {
        give(scope, &mut rv, args.get(3), &url);
    }
}

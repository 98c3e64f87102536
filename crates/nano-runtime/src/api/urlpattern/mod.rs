//! URL patterns (WHATWG URL Pattern): parsing and canonicalisation. The regular expressions are V8's.
//!
//! Own code, since the crate there is brings a second URL parser with its own tables of Unicode, and a second engine of
//! regular expressions that judges protocols differently.

mod canon;
mod constructor;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod pattern;
mod tokens;

use ada_url::Url;
use pattern::Component;

use crate::engine::{OpFn, ops};

/// Bytes of one pattern, all components together.
const PATTERN_BYTES_MAX: usize = 64 << 10;

pub(super) fn ops() -> Vec<OpFn> {
    ops![urlpattern_parse, urlpattern_match_url, urlpattern_match_init]
}

/// Why there is no pattern, or no URL.
#[derive(Debug)]
struct Invalid(&'static str);

/// Tells whether a protocol's pattern matches a special scheme.
type SpecialTest<'a> = &'a mut dyn FnMut(&Component) -> Result<bool, Invalid>;

/// Something for each component, in the order of the standard.
#[derive(Debug, Default)]
struct Parts<T> {
    protocol: T,
    username: T,
    password: T,
    hostname: T,
    port: T,
    pathname: T,
    search: T,
    hash: T,
}

impl<T> Parts<T> {
    fn each_mut(&mut self) -> [&mut T; 8] {
        [
            &mut self.protocol,
            &mut self.username,
            &mut self.password,
            &mut self.hostname,
            &mut self.port,
            &mut self.pathname,
            &mut self.search,
            &mut self.hash,
        ]
    }

    fn into_array(self) -> [T; 8] {
        let Self { protocol, username, password, hostname, port, pathname, search, hash } = self;
        [protocol, username, password, hostname, port, pathname, search, hash]
    }
}

/// "Create" (section 1.4), as far as V8 is not needed: the components in order.
fn create(
    input: Result<&str, canon::Init>,
    base: Option<String>,
    test: SpecialTest<'_>,
) -> Result<[Component; 8], Invalid> {
    let init = match input {
        Ok(text) => {
            let parts = constructor::parse(text, test)?;
            if base.is_none() && parts.protocol.is_none() {
                return Err(Invalid("a relative pattern needs a base URL"));
            }
            canon::Init { parts, base_url: base }
        }
        Err(init) => init,
    };
    let mut parts = canon::process(init, canon::Use::Pattern)?;
    let wildcard = |part: &mut Option<String>| part.take().unwrap_or_else(|| "*".to_owned());
    let [protocol, username, password, hostname, mut port, pathname, search, hash] =
        parts.each_mut().map(wildcard);
    if canon::is_default_port(&protocol, &port) {
        port.clear();
    }
    let is_ipv6 = ["[", "{[", "\\["].iter().any(|begin| hostname.starts_with(begin)) && hostname.len() > 1;
    let compile = pattern::compile;
    let protocol = compile(&protocol, canon::protocol, pattern::DEFAULT)?;
    let is_special = test(&protocol)?;
    Ok([
        protocol,
        compile(&username, canon::username, pattern::DEFAULT)?,
        compile(&password, canon::password, pattern::DEFAULT)?,
        if is_ipv6 {
            compile(&hostname, canon::ipv6_hostname, pattern::HOSTNAME)?
        } else {
            compile(&hostname, canon::hostname, pattern::HOSTNAME)?
        },
        compile(&port, canon::port, pattern::DEFAULT)?,
        if is_special {
            compile(&pathname, canon::pathname, pattern::PATHNAME)?
        } else {
            compile(&pathname, canon::opaque_pathname, pattern::DEFAULT)?
        },
        compile(&search, canon::search, pattern::DEFAULT)?,
        compile(&hash, canon::hash, pattern::DEFAULT)?,
    ])
}

/// "Protocol component matches a special scheme". `test(source)` asks a regular expression; V8's own way to run one
/// would call what the app has put on `RegExp.prototype`.
fn matches_special<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    test: v8::Local<'s, v8::Function>,
    component: &Component,
) -> Result<bool, Invalid> {
    if let Some(text) = &component.fixed_text {
        return Ok(canon::is_special(text));
    }
    v8::tc_scope!(let scope, scope);
    let undefined = v8::undefined(scope).into();
    let source = v8::String::new(scope, &component.regexp);
    let result = source.and_then(|source| test.call(scope, undefined, &[source.into()]));
    result.map(|result| result.is_true()).ok_or(Invalid("the protocol's regular expression is not valid"))
}

/// The URLPatternInit of argument `index`: a list of the components in order and the base URL, each a string or
/// undefined.
fn init_arg(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    index: i32,
) -> Option<canon::Init> {
    let list = v8::Local::<v8::Array>::try_from(args.get(index)).ok()?;
    let mut init = canon::Init::default();
    let canon::Init { parts, base_url } = &mut init;
    let slots = parts.each_mut().into_iter().chain([base_url]);
    for (index, slot) in (0..).zip(slots) {
        let value = list.get_index(scope, index)?;
        *slot = value.is_string().then(|| value.to_rust_string_lossy(scope));
    }
    Some(init)
}

fn init_bytes(init: &canon::Init) -> usize {
    let parts = &init.parts;
    let all = [
        &parts.protocol,
        &parts.username,
        &parts.password,
        &parts.hostname,
        &parts.port,
        &parts.pathname,
        &parts.search,
        &parts.hash,
        &init.base_url,
    ];
    all.iter().map(|part| part.as_ref().map_or(0, String::len)).sum()
}

/// `urlpattern_parse(string | init, base | undefined, isSpecial)` -> a list that has for each component the pattern
/// string, the regular expression's source, whether it has regexp groups, and a list of the groups' names.
/// `isSpecial(source)` tells whether a regular expression matches a special scheme.
fn urlpattern_parse<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(text) = super::optional_string_arg(scope, &args, 0) else { return };
    let Some(base) = super::optional_string_arg(scope, &args, 1) else { return };
    let input = match &text {
        Some(text) => Ok(text.as_str()),
        None => match init_arg(scope, &args, 0) {
            Some(init) => Err(init),
            None => return super::throw_type_error(scope, "neither a string nor a list"),
        },
    };
    let bytes = match &input {
        Ok(text) => text.len(),
        Err(init) => init_bytes(init),
    };
    if bytes + base.as_ref().map_or(0, String::len) > PATTERN_BYTES_MAX {
        return super::throw_type_error(scope, "the pattern is too long");
    }
    let Ok(is_special) = v8::Local::<v8::Function>::try_from(args.get(2)) else {
        return super::throw_type_error(scope, "not a function");
    };
    match create(input, base, &mut |component| matches_special(scope, is_special, component)) {
        Ok(components) => {
            if let Some(list) = list_of_components(scope, &components) {
                rv.set(list.into());
            }
        }
        Err(Invalid(why)) => super::throw_type_error(scope, why),
    }
}

fn list_of_components<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    components: &[Component],
) -> Option<v8::Local<'s, v8::Array>> {
    let mut values: Vec<v8::Local<'_, v8::Value>> = Vec::with_capacity(components.len() * 4);
    for component in components {
        values.push(v8::String::new(scope, &component.pattern)?.into());
        values.push(v8::String::new(scope, &component.regexp)?.into());
        values.push(v8::Boolean::new(scope, component.has_regexp_groups).into());
        values.push(list_of_strings(scope, &component.names)?.into());
    }
    Some(v8::Array::new_with_elements(scope, &values))
}

fn list_of_strings<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    strings: &[String],
) -> Option<v8::Local<'s, v8::Array>> {
    let mut values: Vec<v8::Local<'_, v8::Value>> = Vec::with_capacity(strings.len());
    for string in strings {
        values.push(v8::String::new(scope, string)?.into());
    }
    Some(v8::Array::new_with_elements(scope, &values))
}

/// `urlpattern_match_url(input, base | undefined)` -> the URL's components in a list, or undefined.
fn urlpattern_match_url(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(input) = super::string_arg(scope, &args, 0) else { return };
    let Some(base) = super::optional_string_arg(scope, &args, 1) else { return };
    let Ok(url) = Url::parse(&input, base.as_deref()) else { return };
    if let Some(list) = list_of_strings(scope, &canon::parts_of(&url).into_array()) {
        rv.set(list.into());
    }
}

/// `urlpattern_match_init(init)` -> the components in a list, or undefined.
fn urlpattern_match_init(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(init) = init_arg(scope, &args, 0) else {
        return super::throw_type_error(scope, "not a list");
    };
    let Ok(parts) = canon::process(init, canon::Use::Url) else { return };
    if let Some(list) = list_of_strings(scope, &parts.into_array().map(Option::unwrap_or_default)) {
        rv.set(list.into());
    }
}

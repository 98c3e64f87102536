//! Built-in files are compiled and run here: the eager ones for the snapshot, the lazy ones where they are needed. See
//! `loader.js`.

use v8::MapFnTo as _;

use super::{OpFn, guard, ops};
use crate::bootstrap::{self, BuiltIn};

/// The parameters of the function whose body a built-in file is.
const PARAMETERS: [&str; 5] = ["exports", "require", "primordials", "ops", "lazy"];

/// Runs a file. `None`: it threw, or the isolate is being terminated.
pub(super) fn run(
    scope: &mut v8::PinScope<'_, '_>,
    built_in: &BuiltIn,
    arguments: &[v8::Local<'_, v8::Value>],
) -> Option<()> {
    let source = v8::String::new_from_onebyte_const(scope, built_in.source)?;
    let resource = v8::String::new(scope, &format!("nano:{}", built_in.name))?;
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), 0, 0, false, 0, None, false, false, false, None);
    let cache = built_in.code_cache.get();
    let (mut source, options) = match cache {
        Some(cache) => {
            let cached = v8::script_compiler::CachedData::new(cache);
            let source = v8::script_compiler::Source::new_with_cached_data(source, Some(&origin), cached);
            (source, v8::script_compiler::CompileOptions::ConsumeCodeCache)
        }
        None => {
            let source = v8::script_compiler::Source::new(source, Some(&origin));
            (source, v8::script_compiler::CompileOptions::NoCompileOptions)
        }
    };
    let mut names = Vec::with_capacity(PARAMETERS.len());
    for name in PARAMETERS {
        names.push(v8::String::new(scope, name)?);
    }
    let no_reason = v8::script_compiler::NoCacheReason::NoReason;
    let function =
        v8::script_compiler::compile_function(scope, &mut source, &names, &[], options, no_reason)?;
    let undefined = v8::undefined(scope).into();
    function.call(scope, undefined, arguments)?;
    if cache.is_none() && is_lazy(built_in.name) {
        // The text is NANO's own, so all isolates can have what the first one compiled.
        if let Some(cache) = function.create_code_cache() {
            let _ = built_in.code_cache.set(cache.to_vec());
        }
    }
    Some(())
}

fn is_lazy(name: &str) -> bool {
    find_lazy(name).is_some()
}

fn find_lazy(name: &str) -> Option<&'static BuiltIn> {
    bootstrap::LAZY.iter().find(|built_in| built_in.name == name)
}

/// What `loader.js` and `main.js` need.
pub(crate) fn loader_ops() -> Vec<OpFn> {
    ops![is_lazy_built_in, run_built_in, define_lazy_global]
}

/// `is_lazy_built_in(name)` -> boolean.
fn is_lazy_built_in(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set_bool(is_lazy(&args.get(0).to_rust_string_lossy(scope)));
}

/// `run_built_in(name, exports, require, primordials, ops, lazy)`: evaluates a lazy file with these arguments.
fn run_built_in(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(name) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        return crate::api::throw_type_error(scope, "not the name of a built-in");
    };
    let Some(built_in) = find_lazy(&name.to_rust_string_lossy(scope)) else {
        return crate::api::throw_type_error(scope, "no lazy built-in has this name");
    };
    let arguments = [args.get(1), args.get(2), args.get(3), args.get(4), args.get(5)];
    // What it throws is its caller's.
    if run(scope, built_in, &arguments).is_some() {
        crate::worker::built_in_loaded(scope, built_in.name);
    }
}

/// `define_lazy_global(name, enumerable)`: a writable, configurable data property of the global object, whose value is what
/// the hook `lazyGlobal(name)` gives when somebody first looks. (V8 keeps such properties in the part of the snapshot that
/// belongs to no context: a function as its data would take a copy of its whole context there.)
fn define_lazy_global<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Ok(name) = v8::Local::<v8::Name>::try_from(args.get(0)) else {
        return crate::api::throw_type_error(scope, "not the name of a global");
    };
    let attributes =
        if args.get(1).is_true() { v8::PropertyAttribute::NONE } else { v8::PropertyAttribute::DONT_ENUM };
    let global = scope.get_current_context().global(scope);
    let nothing = v8::undefined(scope).into();
    let defined = global.set_lazy_data_property_with_data(
        scope,
        name,
        lazy_global,
        nothing,
        attributes,
        v8::SideEffectType::HasSideEffect,
        v8::SideEffectType::HasSideEffect,
    );
    rv.set_bool(defined == Some(true));
}

/// V8 calls this for the value of a lazy global. If it throws, the property stays as it is, and the next who looks tries
/// again.
fn lazy_global<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    guard(scope, "lazy_global", |scope| {
        if let Some(value) = crate::worker::lazy_global(scope, name) {
            rv.set(value);
        }
    });
}

/// The address of [`lazy_global`], which the snapshot refers to.
pub(super) fn lazy_global_reference() -> v8::ExternalReference {
    let getter: v8::AccessorNameGetterCallback = lazy_global.map_fn_to();
    v8::ExternalReference { pointer: getter as *mut std::ffi::c_void }
}

//! The startup snapshot: every eager built-in evaluated once, and what all isolates start from.
//!
//! It is made in two steps. A first blob has all the built-ins and none of the code that V8 compiled for their evaluation,
//! which runs once. In an isolate that is made from it, an app is tried in a context that is thrown away; a second context
//! goes into the second blob, with the code that V8 compiled for the app. So no isolate compiles again what all use.

use super::built_ins;
use crate::bootstrap::{self, BuiltIn};

/// Where the hooks object lies among the context's data.
pub(super) const HOOKS_INDEX: usize = 0;

/// Makes the snapshot. `warm_up` tries an app in a context like those that apps get.
pub(super) fn create(
    warm_up: fn(&mut v8::PinScope<'_, '_>) -> Result<(), String>,
) -> Result<Vec<u8>, String> {
    let references = super::external_references();
    let cold = blob(
        v8::Isolate::snapshot_creator(Some(references.into()), None),
        v8::FunctionCodeHandling::Clear,
        |_| Ok(()),
        run_built_ins,
    )?;
    let references = super::external_references();
    let warm = blob(
        v8::Isolate::snapshot_creator_from_existing_snapshot(cold, Some(references.into()), None),
        v8::FunctionCodeHandling::Keep,
        |scope| {
            let context = v8::Context::new(scope, v8::ContextOptions::default());
            warm_up(&mut v8::ContextScope::new(scope, context))
        },
        |scope| scope.get_context_data_from_snapshot_once(HOOKS_INDEX).map_err(|error| error.to_string()),
    )?;
    Ok(warm.to_vec())
}

/// What is in the isolate after `before` and, in its default context, `hooks`.
fn blob(
    mut isolate: v8::OwnedIsolate,
    code: v8::FunctionCodeHandling,
    before: impl FnOnce(&mut v8::PinScope<'_, '_, ()>) -> Result<(), String>,
    hooks: impl for<'s> FnOnce(&mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Object>, String>,
) -> Result<v8::StartupData, String> {
    let made = {
        v8::scope!(let scope, &mut isolate);
        before(scope).and_then(|()| {
            let context = v8::Context::new(scope, v8::ContextOptions::default());
            scope.set_default_context(context);
            let scope = &mut v8::ContextScope::new(scope, context);
            let hooks = hooks(scope)?;
            let index = scope.add_context_data(context, hooks);
            debug_assert_eq!(index, HOOKS_INDEX, "the hooks are the first data of the context");
            Ok(())
        })
    };
    // The blob has to be made even after a failure: dropping a snapshot creator without it is an error.
    let blob = isolate.create_blob(code);
    made?;
    blob.ok_or_else(|| "V8 made no snapshot".to_owned())
}

/// Evaluates the eager files, each as `(exports, require, primordials, ops, lazy) => …`. The first is `loader.js`, which
/// gives the others `require` and `lazy`; what `main.js`, the last, exports are the hooks.
fn run_built_ins<'s>(scope: &mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Object>, String> {
    let ops = ops_object(scope)?;
    let primordials = v8::Object::new(scope);
    let undefined = v8::undefined(scope).into();
    let mut require: v8::Local<'_, v8::Value> = undefined;
    let mut lazy: v8::Local<'_, v8::Value> = undefined;
    let mut loaded: Option<v8::Local<'_, v8::Object>> = None;
    let mut exports = v8::Object::new(scope);
    for built_in in bootstrap::EAGER {
        exports = v8::Object::new(scope);
        let arguments = [exports.into(), require, primordials.into(), ops.into(), lazy];
        run_built_in(scope, built_in, &arguments)?;
        let list = match loaded {
            Some(list) => list,
            None => {
                (require, lazy) = (get(scope, exports, "require")?, get(scope, exports, "lazy")?);
                get(scope, exports, "eager")?.try_into().map_err(|_| "the loader's list is no object")?
            }
        };
        let name = string(scope, built_in.name)?;
        list.set(scope, name.into(), exports.into());
        loaded = Some(list);
    }
    Ok(exports)
}

fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &str,
) -> Result<v8::Local<'s, v8::Value>, String> {
    let key = string(scope, name)?;
    object.get(scope, key.into()).ok_or_else(|| format!("the loader exports no {name}"))
}

/// An object with all ops.
pub(crate) fn ops_object<'s>(scope: &mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Object>, String> {
    let null = v8::null(scope).into();
    let ops = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
    for op in crate::api::ops() {
        let template = v8::FunctionTemplate::builder_raw(op.callback)
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build_fast(scope, op.fast.map_or(&[], super::callbacks::FastCall::overloads));
        let function = template.get_function(scope).ok_or("no function for an op")?;
        let name = string(scope, op.name)?;
        function.set_name(name);
        ops.set(scope, name.into(), function.into());
    }
    Ok(ops)
}

fn run_built_in(
    scope: &mut v8::PinScope<'_, '_>,
    built_in: &BuiltIn,
    arguments: &[v8::Local<'_, v8::Value>],
) -> Result<(), String> {
    v8::tc_scope!(let scope, scope);
    let describe = |message: Option<v8::Local<'_, v8::Message>>, scope: &v8::PinScope<'_, '_>| {
        let text = message.map_or_else(String::new, |message| {
            let line = message.get_line_number(scope).unwrap_or(0);
            format!("line {line}: {}", message.get(scope).to_rust_string_lossy(scope))
        });
        format!("{}: {text}", built_in.name)
    };
    match built_ins::run(scope, built_in, arguments) {
        Some(()) => Ok(()),
        None => Err(describe(scope.message(), scope)),
    }
}

fn string<'s>(scope: &v8::PinScope<'s, '_>, text: &str) -> Result<v8::Local<'s, v8::String>, String> {
    v8::String::new(scope, text).ok_or_else(|| "a built-in is too long for a string".to_owned())
}

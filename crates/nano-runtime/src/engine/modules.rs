//! ES modules: from a specifier to a file inside the app's folder to a V8 module.

#[cfg(feature = "fuzzing")]
pub(super) mod fuzz;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use super::memory::MemoryAccount;
use crate::sources::Sources;

/// The largest file that can be imported, in bytes.
pub(crate) const MODULE_BYTES_MAX: u64 = 64 << 20;
/// A module of JavaScript may have this part of its app's memory. V8's parser takes up to 180 times its length, outside
/// of the heap, where nothing else limits it.
const SCRIPT_PART: u64 = 16;
/// The most modules of one app.
const MODULES_MAX: usize = 10_000;

/// What a file is imported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    JavaScript,
    Json,
    Text,
    Binary,
    Wasm,
}

impl Kind {
    fn of(path: &str) -> Result<Self, StoreError> {
        match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("js" | "mjs") => Ok(Self::JavaScript),
            Some("json") => Ok(Self::Json),
            Some("txt" | "html" | "sql") => Ok(Self::Text),
            Some("bin") => Ok(Self::Binary),
            Some("wasm") => Ok(Self::Wasm),
            _ => Err(StoreError::UnknownKind(path.to_owned())),
        }
    }
}

/// Whether a file of that name can be imported.
pub(crate) fn is_importable(path: &str) -> bool {
    Kind::of(path).is_ok()
}

/// Why a module could not be had. The texts reach the app's author, and name no path outside of the app.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(
        "cannot import \"{0}\": only relative paths (\"./x.js\") can be imported; bundle packages into the app"
    )]
    Bare(String),
    #[error("cannot import \"{0}\": there are no Node APIs")]
    Node(String),
    #[error("cannot import \"{0}\": it is outside of the app's folder")]
    Outside(String),
    #[error("cannot find module \"{0}\"")]
    NotFound(String),
    #[error("cannot import \"{0}\": imports end in .js, .mjs, .json, .txt, .html, .sql, .bin or .wasm")]
    UnknownKind(String),
    #[error("cannot import \"{0}\": it is larger than {MODULE_BYTES_MAX} bytes")]
    TooLarge(String),
    #[error("cannot import \"{0}\": it is larger than {1} bytes, a {SCRIPT_PART}th of the app's memory_mb")]
    ScriptTooLarge(String, u64),
    #[error("cannot import \"{0}\": the app has more than {MODULES_MAX} modules")]
    TooMany(String),
    #[error("cannot import \"{0}\": it is not UTF-8 text")]
    NotText(String),
    #[error(
        "cannot read module \"{0}\": permission denied; if the app's folder was added, moved or replaced while \
         NANO ran, its sandbox does not include it: restart NANO"
    )]
    Denied(String),
    #[error("cannot read module \"{0}\": {1}")]
    Read(String, std::io::ErrorKind),
    #[error("cannot read module \"{0}\": it has changed since this revision of the app was loaded")]
    Changed(String),
}

/// One file of a revision, read once.
pub(crate) struct ModuleSource {
    /// Relative to the app's folder, with `/`.
    path: String,
    kind: Kind,
    bytes: Bytes,
    code_cache: OnceLock<Vec<u8>>,
    wasm: OnceLock<v8::CompiledWasmModule>,
}

/// The files of a revision: they are surveyed once, and a file that has changed since is not handed out.
pub(crate) struct SourceStore {
    root: PathBuf,
    main: String,
    /// Taken for the first start, or before.
    sources: Mutex<Option<Arc<Sources>>>,
    files: Mutex<HashMap<String, Arc<ModuleSource>>>,
    /// The app's top level came to its end at least once: the survey is the revision from then on.
    has_started: AtomicBool,
}

impl SourceStore {
    /// `root` is the app's folder, canonical; `main` its entry.
    pub(crate) fn new(root: PathBuf, main: String) -> Self {
        let (sources, files, has_started) = Default::default();
        Self { root, main, sources, files, has_started }
    }

    /// The survey of the revision, which is taken now if there is none yet.
    pub(crate) fn survey(&self) -> std::io::Result<Arc<Sources>> {
        let mut sources = self.sources.lock();
        if let Some(sources) = &*sources {
            return Ok(Arc::clone(sources));
        }
        let taken = Arc::new(Sources::survey(&self.root, &self.main, None, true)?);
        Ok(Arc::clone(sources.insert(taken)))
    }

    /// The survey of the revision, if there is one. Does not wait for one that is being taken.
    pub(crate) fn surveyed(&self) -> Option<Arc<Sources>> {
        self.sources.try_lock()?.clone()
    }

    pub(crate) fn note_started(&self) {
        self.has_started.store(true, Ordering::Relaxed);
    }

    fn get(&self, path: &str) -> Result<Arc<ModuleSource>, StoreError> {
        if let Some(source) = self.files.lock().get(path) {
            return Ok(Arc::clone(source));
        }
        let kind = Kind::of(path)?;
        let sources = self.survey().map_err(|error| failed(path, &error))?;
        let bytes = sources.get(path, || self.read(path))?;
        let bytes = bytes.ok_or_else(|| StoreError::Changed(path.to_owned()))?;
        if matches!(kind, Kind::JavaScript | Kind::Json | Kind::Text) && std::str::from_utf8(&bytes).is_err()
        {
            return Err(StoreError::NotText(path.to_owned()));
        }
        let source = ModuleSource {
            path: path.to_owned(),
            kind,
            bytes,
            code_cache: OnceLock::new(),
            wasm: OnceLock::new(),
        };
        let mut files = self.files.lock();
        if files.len() >= MODULES_MAX {
            return Err(StoreError::TooMany(path.to_owned()));
        }
        Ok(Arc::clone(files.entry(path.to_owned()).or_insert_with(|| Arc::new(source))))
    }

    /// After a start that failed: a revision that never started is read anew by the next try, which finds what its
    /// author has mended meanwhile.
    pub(crate) fn forget(&self) {
        if !self.has_started.load(Ordering::Relaxed) {
            *self.sources.lock() = None;
            self.files.lock().clear();
        }
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        let failed = |error: std::io::Error| failed(path, &error);
        // Links are followed first, so that none leads out of the folder.
        let real = self.root.join(path).canonicalize().map_err(failed)?;
        if !real.starts_with(&self.root) {
            return Err(StoreError::Outside(path.to_owned()));
        }
        let metadata = real.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(StoreError::NotFound(path.to_owned()));
        }
        if metadata.len() > MODULE_BYTES_MAX {
            return Err(StoreError::TooLarge(path.to_owned()));
        }
        std::fs::read(&real).map_err(failed)
    }
}

fn failed(path: &str, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            StoreError::NotFound(path.to_owned())
        }
        std::io::ErrorKind::PermissionDenied => StoreError::Denied(path.to_owned()),
        kind => StoreError::Read(path.to_owned(), kind),
    }
}

/// The path inside the app that `specifier` means in the module `referrer`.
fn resolve(specifier: &str, referrer: &str) -> Result<String, StoreError> {
    // What is left of a package's imports after bundling: bundling more is no help.
    if specifier.starts_with("node:") {
        return Err(StoreError::Node(specifier.to_owned()));
    }
    let relative = specifier.starts_with("./") || specifier.starts_with("../");
    if !relative || specifier.contains('\\') || specifier.contains('\0') {
        return Err(StoreError::Bare(specifier.to_owned()));
    }
    let folder = Path::new(referrer).parent().and_then(Path::to_str).unwrap_or("");
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| StoreError::Outside(specifier.to_owned()))?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The modules of one isolate.
pub(crate) struct ModuleMap {
    store: Arc<SourceStore>,
    /// The largest module of JavaScript.
    script_bytes_max: u64,
    by_path: HashMap<String, Entry>,
    /// V8 names a referrer by its script.
    paths: HashMap<i32, String>,
    /// What a synthetic module exports once it is evaluated, by its identity hash.
    values: Vec<(v8::Global<v8::Module>, v8::Global<v8::Value>)>,
}

struct Entry {
    module: v8::Global<v8::Module>,
    source: Arc<ModuleSource>,
}

impl ModuleMap {
    /// `memory_mb` is that of the isolate.
    pub(crate) fn new(store: Arc<SourceStore>, memory_mb: u64) -> Self {
        let script_bytes_max = ((memory_mb << 20) / SCRIPT_PART).min(MODULE_BYTES_MAX);
        Self { store, script_bytes_max, by_path: HashMap::new(), paths: HashMap::new(), values: Vec::new() }
    }
}

fn map<'a>(scope: &'a mut v8::PinScope<'_, '_>) -> Option<&'a mut ModuleMap> {
    crate::worker::modules_of(scope)
}

/// Compiles, links and evaluates the entry module. `None`: an exception is pending. The value is the evaluation's
/// promise.
pub(crate) fn load_main<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    path: &str,
) -> Option<(v8::Local<'s, v8::Module>, v8::Local<'s, v8::Value>)> {
    let module = module_at(scope, path, None)?;
    module.instantiate_module(scope, resolve_callback)?;
    let value = module.evaluate(scope)?;
    Some((module, value))
}

/// Keeps the compiled code of every module that ran, for the revision's next isolates.
pub(crate) fn cache_code(scope: &mut v8::PinScope<'_, '_>) {
    let Some(map) = map(scope) else { return };
    let entries: Vec<_> = map
        .by_path
        .values()
        .filter(|entry| entry.source.kind == Kind::JavaScript && entry.source.code_cache.get().is_none())
        .map(|entry| (entry.module.clone(), Arc::clone(&entry.source)))
        .collect();
    for (module, source) in entries {
        let module = v8::Local::new(scope, module);
        if let Some(cache) = module.get_unbound_module_script(scope).create_code_cache() {
            let _ = source.code_cache.set(cache.to_vec());
        }
    }
}

fn module_at<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    path: &str,
    attribute: Option<&str>,
) -> Option<v8::Local<'s, v8::Module>> {
    let map = map(scope)?;
    if let Some(entry) = map.by_path.get(path) {
        let (module, kind) = (entry.module.clone(), entry.source.kind);
        check_attribute(scope, path, kind, attribute)?;
        return Some(v8::Local::new(scope, module));
    }
    let (store, script_bytes_max) = (Arc::clone(&map.store), map.script_bytes_max);
    let source = match store.get(path) {
        Ok(source) => source,
        Err(error) => return throw(scope, &error.to_string()),
    };
    if source.kind == Kind::JavaScript && source.bytes.len() as u64 > script_bytes_max {
        return throw(scope, &StoreError::ScriptTooLarge(path.to_owned(), script_bytes_max).to_string());
    }
    check_attribute(scope, path, source.kind, attribute)?;
    let module = match source.kind {
        Kind::JavaScript => compile(scope, &source)?,
        _ => synthetic(scope, &source)?,
    };
    let global = v8::Global::new(scope, module);
    let map = self::map(scope)?;
    if let Some(id) = module.script_id() {
        map.paths.insert(id, path.to_owned());
    }
    map.by_path.insert(path.to_owned(), Entry { module: global, source });
    Some(module)
}

fn check_attribute(
    scope: &mut v8::PinScope<'_, '_>,
    path: &str,
    kind: Kind,
    attribute: Option<&str>,
) -> Option<()> {
    let fits = match attribute {
        None => true,
        Some("json") => kind == Kind::Json,
        Some("text") => kind == Kind::Text,
        Some("bytes") => kind == Kind::Binary,
        Some(_) => false,
    };
    if fits {
        return Some(());
    }
    throw(scope, &format!("cannot import \"{path}\" with type \"{}\"", attribute.unwrap_or_default()))
}

fn compile<'s>(scope: &mut v8::PinScope<'s, '_>, source: &ModuleSource) -> Option<v8::Local<'s, v8::Module>> {
    let code = text(scope, source)?;
    let name = v8::String::new(scope, &source.path)?;
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, true, None);
    let no_reason = v8::script_compiler::NoCacheReason::NoReason;
    if let Some(cache) = source.code_cache.get() {
        let cached = v8::script_compiler::CachedData::new(cache);
        let mut unit = v8::script_compiler::Source::new_with_cached_data(code, Some(&origin), cached);
        let options = v8::script_compiler::CompileOptions::ConsumeCodeCache;
        return v8::script_compiler::compile_module2(scope, &mut unit, options, no_reason);
    }
    let mut unit = v8::script_compiler::Source::new(code, Some(&origin));
    let _room = crate::worker::memory_of(scope).map(MemoryAccount::compiling);
    v8::script_compiler::compile_module(scope, &mut unit)
}

fn text<'s>(scope: &mut v8::PinScope<'s, '_>, source: &ModuleSource) -> Option<v8::Local<'s, v8::String>> {
    let bytes = source.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&source.bytes);
    v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal)
}

/// A module with one default export, which is made when it is compiled and handed out when it is evaluated.
fn synthetic<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    source: &ModuleSource,
) -> Option<v8::Local<'s, v8::Module>> {
    let value: v8::Local<'_, v8::Value> = match source.kind {
        Kind::Json => {
            let text = text(scope, source)?;
            json(scope, &source.path, text)?
        }
        Kind::Text => text(scope, source)?.into(),
        Kind::Wasm => wasm(scope, source)?.into(),
        Kind::Binary | Kind::JavaScript => {
            let store = v8::ArrayBuffer::new_backing_store_from_vec(source.bytes.to_vec()).make_shared();
            v8::ArrayBuffer::with_backing_store(scope, &store).into()
        }
    };
    let name = v8::String::new(scope, &source.path)?;
    let default = v8::String::new(scope, "default")?;
    let module = v8::Module::create_synthetic_module(scope, name, &[default], evaluate_synthetic);
    let pair = (v8::Global::new(scope, module), v8::Global::new(scope, value));
    map(scope)?.values.push(pair);
    Some(module)
}

/// A syntax error of a JSON file names the file.
fn json<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    path: &str,
    text: v8::Local<'s, v8::String>,
) -> Option<v8::Local<'s, v8::Value>> {
    let message = {
        v8::tc_scope!(let scope, scope);
        match v8::json::parse(scope, text) {
            Some(value) => return Some(value),
            None => scope.message().map_or_else(String::new, |m| m.get(scope).to_rust_string_lossy(scope)),
        }
    };
    throw(scope, &format!("cannot import \"{path}\": {}", message.trim_start_matches("Uncaught ")))
}

/// Native code is compiled once a revision and shared by its isolates.
fn wasm<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    source: &ModuleSource,
) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
    // Whoever has a module has its constructor.
    let global = scope.get_current_context().global(scope);
    let name = v8::String::new(scope, "WebAssembly")?;
    global.get(scope, name.into())?;
    if let Some(compiled) = source.wasm.get() {
        return v8::WasmModuleObject::from_compiled_module(scope, compiled);
    }
    let module = v8::WasmModuleObject::compile(scope, &source.bytes)?;
    if let Some(reason) = crate::api::wasm_refusal(&source.bytes) {
        return throw(scope, &format!("cannot import \"{}\": {reason}", source.path));
    }
    let _ = source.wasm.set(module.get_compiled_module());
    Some(module)
}

fn throw<T>(scope: &mut v8::PinScope<'_, '_>, message: &str) -> Option<T> {
    let message = v8::String::new(scope, message)?;
    let error = v8::Exception::type_error(scope, message);
    scope.throw_exception(error);
    None
}

/// The `type` of a list of import attributes. `width` is 3 where V8 adds source positions, else 2.
fn type_attribute(
    scope: &mut v8::PinScope<'_, '_>,
    attributes: v8::Local<'_, v8::FixedArray>,
    width: usize,
) -> Result<Option<String>, String> {
    let mut found = None;
    let mut index = 0;
    while index + 1 < attributes.length() {
        let text = |at: usize| {
            attributes
                .get(scope, at)
                .and_then(|data| v8::Local::<v8::Value>::try_from(data).ok())
                .map_or_else(String::new, |value| value.to_rust_string_lossy(scope))
        };
        let (key, value) = (text(index), text(index + 1));
        if key != "type" {
            return Err(format!("import attribute \"{key}\" is not supported"));
        }
        found = Some(value);
        index += width;
    }
    Ok(found)
}

pub(super) fn install_callbacks(isolate: &mut v8::OwnedIsolate) {
    isolate.set_host_import_module_dynamically_callback(import_dynamically);
    isolate.set_host_initialize_import_meta_object_callback(import_meta);
}

fn resolve_callback<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    // SAFETY: V8 calls the hook inside `instantiate_module`, in the context that it passes.
    v8::callback_scope!(unsafe scope, context);
    let specifier = specifier.to_rust_string_lossy(scope);
    let referrer =
        referrer.script_id().and_then(|id| map(scope)?.paths.get(&id).cloned()).unwrap_or_default();
    import(scope, &specifier, &referrer, attributes, 3)
}

fn import<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    specifier: &str,
    referrer: &str,
    attributes: v8::Local<'_, v8::FixedArray>,
    width: usize,
) -> Option<v8::Local<'s, v8::Module>> {
    let attribute = match type_attribute(scope, attributes, width) {
        Ok(attribute) => attribute,
        Err(message) => return throw(scope, &message),
    };
    match resolve(specifier, referrer) {
        Ok(path) => module_at(scope, &path, attribute.as_deref()),
        Err(error) => throw(scope, &error.to_string()),
    }
}

fn evaluate_synthetic<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: V8 calls the hook while it evaluates `module`, in the context that it passes.
    v8::callback_scope!(unsafe scope, context);
    let hash = module.get_identity_hash();
    let values = std::mem::take(&mut map(scope)?.values);
    let mut left = Vec::with_capacity(values.len());
    for (global, value) in values {
        let candidate = v8::Local::new(scope, &global);
        if candidate.get_identity_hash() == hash && candidate == module {
            let default = v8::String::new(scope, "default")?;
            let value = v8::Local::new(scope, value);
            module.set_synthetic_module_export(scope, default, value)?;
        } else {
            left.push((global, value));
        }
    }
    map(scope)?.values = left;
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope).into();
    resolver.resolve(scope, undefined)?;
    Some(resolver.get_promise(scope).into())
}

fn import_dynamically<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    _options: v8::Local<'s, v8::Data>,
    resource_name: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let specifier = specifier.to_rust_string_lossy(scope);
    let referrer = resource_name.to_rust_string_lossy(scope);
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    v8::tc_scope!(let scope, scope);
    let evaluated = import(scope, &specifier, &referrer, attributes, 2).and_then(|module| {
        module.instantiate_module(scope, resolve_callback)?;
        let value = module.evaluate(scope)?;
        Some((module, value))
    });
    let Some((module, value)) = evaluated else {
        let exception = scope.exception()?;
        scope.reset();
        resolver.reject(scope, exception)?;
        return Some(promise);
    };
    let namespace = module.get_module_namespace();
    let Ok(evaluation) = v8::Local::<v8::Promise>::try_from(value) else {
        resolver.resolve(scope, namespace)?;
        return Some(promise);
    };
    let with_namespace = v8::Function::builder(give_data).data(namespace).build(scope)?;
    evaluation.then(scope, with_namespace)
}

fn give_data<'s>(
    _scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    rv.set(args.data());
}

/// `import.meta.url` is the module's place inside the app: `file:///src/x.js`.
unsafe extern "C" fn import_meta(
    context: v8::Local<'_, v8::Context>,
    module: v8::Local<'_, v8::Module>,
    meta: v8::Local<'_, v8::Object>,
) {
    // SAFETY: V8 calls the hook while a script of this context runs.
    v8::callback_scope!(unsafe scope, context);
    let path = module.script_id().and_then(|id| map(scope)?.paths.get(&id).cloned()).unwrap_or_default();
    let key = v8::String::new(scope, "url");
    let value = v8::String::new(scope, &format!("file:///{path}"));
    if let (Some(key), Some(value)) = (key, value) {
        meta.create_data_property(scope, key.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn specifiers_resolve_inside_the_app() {
        for (specifier, referrer, expected) in [
            ("./a.js", "index.js", Some("a.js")),
            ("./a.js", "src/index.js", Some("src/a.js")),
            ("../a.js", "src/deep/index.js", Some("src/a.js")),
            ("./x/../a.js", "index.js", Some("a.js")),
            ("../a.js", "index.js", None),
            ("./../../a.js", "src/index.js", None),
            ("/etc/passwd", "index.js", None),
            ("lodash", "index.js", None),
            ("node:fs", "index.js", None),
            ("file:///etc/passwd", "index.js", None),
            ("./a\0.js", "index.js", None),
        ] {
            assert_eq!(resolve(specifier, referrer).ok().as_deref(), expected, "{specifier} in {referrer}");
        }
    }
}

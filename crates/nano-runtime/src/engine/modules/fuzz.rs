//! What holds for any import.

use std::path::Path;
use std::sync::OnceLock;

use super::{SourceStore, resolve};

/// What lies outside of the app's folder, and must never be read.
const OUTSIDE: &[u8] = b"outside of the app";

/// An import leads to a file of the app or nowhere: not out of its folder, by `..`, a link, an absolute path or an
/// escape. The first line is the importing module, the second one the specifier.
pub fn module_path(data: &[u8]) {
    static STORE: OnceLock<(tempfile::TempDir, SourceStore)> = OnceLock::new();
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (referrer, specifier) = text.split_once('\n').unwrap_or(("index.js", text));
    let Ok(path) = resolve(specifier, referrer) else { return };
    assert!(!path.starts_with('/') && !path.contains('\\') || referrer.contains('\\'), "{path:?}");
    // A module's own path is one that was resolved before.
    if resolve(&format!("./{referrer}"), "index.js").is_ok_and(|resolved| resolved == referrer) {
        assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")) || path.is_empty(), "{path:?}");
        assert!(!path.contains('\0'), "{path:?}");
        assert_eq!(resolve(&format!("./{path}"), "index.js").ok().as_deref(), Some(&*path));
    }
    let (_, store) = STORE.get_or_init(|| make().expect("a folder of modules"));
    if let Ok(source) = store.get(&path) {
        assert_ne!(source.bytes, OUTSIDE, "{path:?} leads out of the folder");
    }
    store.forget();
}

fn make() -> std::io::Result<(tempfile::TempDir, SourceStore)> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("app");
    std::fs::create_dir_all(root.join("src/deep"))?;
    std::fs::create_dir_all(folder.path().join("app-2"))?;
    for outside in ["a.js", "b.txt", "app-2/a.js"] {
        std::fs::write(folder.path().join(outside), OUTSIDE)?;
    }
    for inside in
        ["index.js", "a.js", "src/a.js", "src/deep/a.js", "b.txt", "c.json", "d.wasm", "e.bin", "%2e.js"]
    {
        std::fs::write(root.join(inside), b"1")?;
    }
    for (link, target) in [
        ("out.js", "../a.js"),
        ("up", ".."),
        ("beside", "../app-2"),
        ("loop.js", "loop.js"),
        ("in.js", "src/a.js"),
        ("src/top", ".."),
        ("null.bin", "/dev/null"),
    ] {
        std::os::unix::fs::symlink(Path::new(target), root.join(link))?;
    }
    let store = SourceStore::new(root.canonicalize()?, "index.js".to_owned());
    Ok((folder, store))
}

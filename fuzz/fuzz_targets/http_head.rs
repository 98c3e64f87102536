#![no_main]
#![allow(dead_code, unused_imports, reason = "nanod's modules, without its main")]

#[path = "../../crates/nanod/src/admin/mod.rs"]
mod admin;
#[path = "../../crates/nanod/src/apps/mod.rs"]
mod apps;
#[path = "../../crates/nanod/src/server/mod.rs"]
mod server;
#[path = "../../crates/nanod/src/telemetry/mod.rs"]
mod telemetry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::fuzz::head(data));

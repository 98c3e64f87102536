#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_config::fuzz::document(data));

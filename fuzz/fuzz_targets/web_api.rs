#![no_main]

use nano_fuzz::apps;

libfuzzer_sys::fuzz_target!(init: { apps(); }, |data: &[u8]| apps().web_api(data));

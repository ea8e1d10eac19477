#![no_main]
#![allow(missing_docs, reason = "a program of one line")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::spiffe_ids(bytes));

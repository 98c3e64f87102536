//! Drives the real executable.

#[test]
fn the_schema_is_printed() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_nanod")).arg("schema").output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("max_in_flight"));
}

//! Linker flag of the cdylib.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The library stays mapped after dlclose: a call in flight while Deno closes it, or ends a Worker, would crash.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

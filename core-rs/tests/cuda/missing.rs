//! What is missing is said in one line each, without a panic.

use libtrain::cuda::CudaContext;
use libtrain::cuda::probe::{self, Findings, Gpu};

/// A machine with everything.
fn complete() -> Findings {
    let gpu = Gpu { name: "A \"GPU\"".to_string(), capability: (9, 0), memory: 80 << 30 };
    let version = |text: &str| Some(text.to_string());
    let gpus = Ok(vec![gpu]);
    Findings {
        driver: version("13.0"),
        gpus,
        cudnn: version("9.10.2"),
        cublaslt: version("13.0.2"),
        nvrtc: version("13.0"),
    }
}

#[test]
fn each_missing_thing_has_its_own_line() {
    let none = || Err("CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected".to_string());
    let cases = [
        (Findings { driver: None, ..complete() }, "no NVIDIA driver is installed (libcuda.so.1 not found)"),
        (
            Findings { gpus: none(), ..complete() },
            "the NVIDIA driver finds no GPU (CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected)",
        ),
        (Findings { gpus: Ok(Vec::new()), ..complete() }, "the NVIDIA driver finds no GPU (it shows none)"),
        (Findings { cudnn: None, ..complete() }, "cuDNN 9 is not installed (libcudnn.so.9 not found)"),
        (
            Findings { cudnn: Some("8.9.7".to_string()), ..complete() },
            "cuDNN 8.9.7 is installed where version 9 is needed",
        ),
        (
            Findings { cublaslt: None, ..complete() },
            "cuBLASLt is not installed (libcublasLt.so.13 and libcublasLt.so.12 not found)",
        ),
        (
            Findings { nvrtc: None, ..complete() },
            "NVRTC is not installed (libnvrtc.so.13 and libnvrtc.so.12 not found, nor in the folder LIBTRAIN_NVRTC_DIR)",
        ),
    ];
    for (findings, reason) in cases {
        assert_eq!(findings.missing().unwrap(), reason);
    }
    assert_eq!(complete().missing(), None);
    // What one has to install first comes first.
    let bare = Findings { driver: None, gpus: Ok(Vec::new()), cudnn: None, cublaslt: None, nvrtc: None };
    assert!(bare.missing().unwrap().contains("no NVIDIA driver"));
}

#[test]
fn findings_are_json() {
    assert_eq!(
        complete().json(),
        r#"{"available":true,"reason":null,"driver":"13.0","gpus":[{"name":"A \"GPU\"","capability":"9.0","memory":85899345920}],"cudnn":"9.10.2","cublaslt":"13.0.2","nvrtc":"13.0"}"#
    );
    let json = Findings { driver: None, gpus: Ok(Vec::new()), ..complete() }.json();
    assert!(
        json.starts_with(r#"{"available":false,"reason":"no NVIDIA driver is installed (libcuda.so.1 not found)","#),
        "{json}"
    );
    assert!(json.contains(r#""driver":null,"gpus":[]"#), "{json}");
}

#[test]
fn asking_for_cuda_here_opens_it_or_says_what_is_missing() {
    let missing = probe::find().missing();
    match CudaContext::open(false) {
        Ok(_) => assert_eq!(missing, None),
        Err(error) => assert_eq!(Some(error.to_string()), missing),
    }
    if probe::find().driver.is_none() {
        assert_eq!(missing.unwrap(), "no NVIDIA driver is installed (libcuda.so.1 not found)");
    }
}

#[test]
fn device_info_tells_processor_and_cuda() {
    let json = libtrain::device_info::json();
    for part in [r#"{"cpu":{"model":""#, r#""features":["#, r#""cores":"#, r#""cuda":{"available":"#] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
}

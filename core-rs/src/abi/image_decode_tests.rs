use super::*;
use crate::abi::buffers::message_of;
use crate::abi::queue::{lt_queue_create, lt_queue_destroy, lt_queue_wait};
use crate::abi::tensor::{lt_read_begin, lt_read_take, lt_tensor_release};
use crate::error::Status;
use crate::image::fixtures::{file, pixels};

type Answer = std::result::Result<Vec<u32>, (i32, String)>;

/// What an export answers: its words, or status and message.
fn called(call: impl FnOnce(*mut u32, u32) -> i32) -> Answer {
    let mut out = vec![0u32; 256];
    match call(out.as_mut_ptr(), 1024) {
        0 => Ok(out),
        status => Err((status, message_of(&out))),
    }
}

fn start(bytes: &[u8], options: &[f64]) -> Answer {
    called(|out, n| {
        let (length, option_bytes) = (bytes.len() as u32, size_of_val(options) as u32);
        lt_image_decode_start(bytes.as_ptr(), length, options.as_ptr(), option_bytes, out, n)
    })
}

fn run(handle: &[u32]) -> Answer {
    called(|out, n| lt_image_decode_run(handle[0], handle[1], out, n))
}

fn release(handle: &[u32]) {
    called(|out, n| lt_image_decode_release(handle[0], handle[1], out, n)).unwrap();
}

const AS_IT_IS: [f64; 7] = [0.0; 7];

#[test]
fn an_image_becomes_a_tensor() {
    let queue = called(|out, n| lt_queue_create(0, 1, 0, out, n)).unwrap();
    let take = |handle: &[u32]| called(|out, n| lt_image_decode_take(queue[0], queue[1], handle[0], handle[1], out, n));
    let release_tensor = |tensor: &[u32]| {
        called(|out, n| lt_tensor_release(queue[0], queue[1], tensor[0], tensor[1], out, n)).unwrap();
    };
    let handle = start(&file("baseline_420.jpg"), &AS_IT_IS).unwrap();
    let (status, message) = take(&handle).unwrap_err();
    assert!(status == Status::State as i32 && message.contains("was decoded and not yet taken"), "{message}");
    assert_eq!(run(&handle).unwrap()[0], 0);
    assert!(run(&handle).unwrap_err().1.contains("It was decoded before"));
    let out = take(&handle).unwrap();
    assert_eq!(out[2..10], [4, 3, 45, 67, 3, 45, 67, 0]);
    let read = called(|words, n| lt_read_begin(queue[0], queue[1], out[0], out[1], words, n)).unwrap();
    called(|words, n| lt_queue_wait(queue[0], queue[1], read[2], read[3], words, n)).unwrap();
    let mut values = vec![0; 45 * 67 * 3];
    called(|words, n| lt_read_take(read[0], read[1], values.as_mut_ptr(), values.len() as u32, words, n)).unwrap();
    assert_eq!(values, pixels("baseline_420").pixels);
    assert_eq!(take(&handle).unwrap_err().0, Status::StaleHandle as i32);

    let small = start(&file("damaged_no_end.jpg"), &[16.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    run(&small).unwrap();
    let small = take(&small).unwrap();
    assert_eq!(small[2..9], [4, 3, 16, 24, 3, 45, 67]);
    let text: Vec<u8> = small[10..].iter().flat_map(|word| word.to_ne_bytes()).take(small[9] as usize).collect();
    assert_eq!(text, b"Ends without its end marker");
    release_tensor(&out);
    release_tensor(&small);
    called(|out, n| lt_queue_destroy(queue[0], queue[1], out, n)).unwrap();
}

#[test]
fn what_is_wrong_is_told() {
    let handle = start(b"GIF89a", &AS_IT_IS).unwrap();
    let (status, message) = run(&handle).unwrap_err();
    assert_eq!((status, message.as_str()), (12, "image_decode_run(): Neither a JPEG nor a PNG nor a WebP"));
    release(&handle);
    release(&handle);
    let handle = start(&file("png_rgb.png"), &[0.0, 100.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    assert!(run(&handle).unwrap_err().1.contains("Expected at most 100 pixels in all, got 437 (the limit `pixels`)"));
    release(&handle);
    assert!(start(b"x", &AS_IT_IS[..6]).unwrap_err().1.contains("fileBytes"));
    assert!(start(b"x", &[-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap_err().1.contains("size"));
    assert_eq!(run(&[u32::MAX, 7]).unwrap_err().0, Status::StaleHandle as i32);
}

#[test]
fn a_release_stops_what_is_under_way() {
    let handle = start(&file("baseline_420.jpg"), &AS_IT_IS).unwrap();
    let work = table().single("test", Handle { slot: handle[0], generation: handle[1] }).unwrap().work();
    release(&handle);
    assert_eq!(work.run(), Outcome::Stopped);
    assert!(work.take().is_none());
}

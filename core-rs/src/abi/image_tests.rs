use super::*;
use crate::abi::buffers::message_of;
use crate::abi::exports::{lt_crop_batch, lt_fill, lt_relu};
use crate::abi::queue::{lt_queue_create, lt_queue_destroy, lt_queue_stats, lt_queue_wait};
use crate::abi::tensor::{lt_read_begin, lt_read_take, lt_tensor_create, lt_tensor_release};
use crate::image::fixtures::pixels;
use crate::image::source::testing::{Temp, gzip, small_tar};

/// What an export answers: its words, or status and message.
fn called(call: impl FnOnce(*mut u32, u32) -> i32) -> std::result::Result<Vec<u32>, (i32, String)> {
    let mut out = vec![0u32; 256];
    match call(out.as_mut_ptr(), 1024) {
        0 => Ok(out),
        status => Err((status, message_of(&out))),
    }
}

fn text(words: &[u32]) -> String {
    let bytes: Vec<u8> = words[1..].iter().flat_map(|word| word.to_ne_bytes()).collect();
    String::from_utf8_lossy(&bytes[..words[0] as usize]).into_owned()
}

/// A CPU queue; its tensors must be released before it goes.
struct Cpu(u32, u32);

impl Cpu {
    fn new() -> Cpu {
        let out = called(|out, bytes| lt_queue_create(0, 1, 0, out, bytes)).unwrap();
        Cpu(out[0], out[1])
    }

    fn read(&self, tensor: [u32; 2], bytes: usize) -> Vec<u8> {
        let read = called(|out, n| lt_read_begin(self.0, self.1, tensor[0], tensor[1], out, n)).unwrap();
        called(|out, n| lt_queue_wait(self.0, self.1, read[2], read[3], out, n)).unwrap();
        let mut values = vec![0; bytes];
        called(|out, n| lt_read_take(read[0], read[1], values.as_mut_ptr(), bytes as u32, out, n)).unwrap();
        values
    }

    fn release(&self, tensor: [u32; 2]) {
        called(|out, n| lt_tensor_release(self.0, self.1, tensor[0], tensor[1], out, n)).unwrap();
    }

    /// Live handles, storages and their bytes.
    fn live(&self) -> [u32; 3] {
        let out = called(|out, n| lt_queue_stats(self.0, self.1, out, n)).unwrap();
        [out[0], out[2], out[4]]
    }

    fn open(&self, path: &str) -> std::result::Result<Vec<u32>, (i32, String)> {
        called(|out, n| lt_image_cache_open(self.0, self.1, path.as_ptr(), path.len() as u32, u32::MAX, out, n))
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        let _ = called(|out, n| lt_queue_destroy(self.0, self.1, out, n));
    }
}

fn start(source: &str, folder: &str, options: &[f64]) -> std::result::Result<[u32; 2], (i32, String)> {
    called(|out, n| {
        lt_image_job_start(
            source.as_ptr(),
            source.len() as u32,
            folder.as_ptr(),
            folder.len() as u32,
            options.as_ptr(),
            size_of_val(options) as u32,
            out,
            n,
        )
    })
    .map(|out| [out[0], out[1]])
}

/// Polls until a job has ended: its words, and its text.
fn finished(job: [u32; 2]) -> (Vec<u32>, String) {
    loop {
        let out = called(|out, n| lt_image_job_poll(job[0], job[1], out, n)).unwrap();
        if out[0] != 0 {
            let text = text(&out[15..]);
            return (out, text);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Validation alone, in the size of the files.
const OPTIONS: [f64; 11] = [-1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.01, -1.0, 2.0, 1e9, 1e6];

#[test]
fn from_archive_to_batch() {
    let temp = Temp::create();
    std::fs::write(temp.join("set.tgz"), gzip(&small_tar().end())).unwrap();
    let (source, folder) = (temp.join("set.tgz").display().to_string(), temp.join("cache").display().to_string());
    let job = start(&source, &folder, &OPTIONS).unwrap();
    let (words, summary) = finished(job);
    assert_eq!((words[0], words[2], words[9], words[11]), (1, 0, 2, 0), "{summary}");
    called(|out, n| lt_image_job_release(job[0], job[1], out, n)).unwrap();
    assert_eq!(called(|out, n| lt_image_job_poll(job[0], job[1], out, n)).unwrap_err().0, Status::StaleHandle as i32);

    let path = temp.join("cache").join(&temp.names("cache")[0]);
    let cpu = Cpu::new();
    let out = cpu.open(path.to_str().unwrap()).unwrap();
    let pages = Cache::open(&path).unwrap().pixel_bytes() / PAGE;
    // Ticket, count; then handle, dtype, rank and sizes of each.
    assert_eq!(out[..3], [0, 0, 4]);
    let [pixel, table, label, header] =
        [&out[3..9], &out[9..15], &out[15..20], &out[20..25]].map(|words| [words[0], words[1]]);
    assert_eq!(
        (out[5..9].to_vec(), out[11..15].to_vec(), out[17..20].to_vec()),
        (vec![4, 2, pages as u32, 4096], vec![3, 2, 2, 4], vec![3, 1, 2])
    );
    // The pixels are the file's; what follows them is a copy.
    assert_eq!((cpu.live()[0], cpu.live()[1]), (4, 2));
    assert_eq!(cpu.read(label, 8), [0, 0, 0, 0, 1, 0, 0, 0]);
    assert!(cpu.read(header, out[24] as usize).starts_with(b"{\"format\":\"libtrain pixels\""));

    // Both images as they are: the square in the middle.
    let index =
        called(|out, n| lt_tensor_create(cpu.0, cpu.1, 3, [2u32].as_ptr(), 4, [1i32, 0].as_ptr().cast(), 8, out, n))
            .unwrap();
    let inputs = [pixel[0], pixel[1], table[0], table[1], index[0], index[1]];
    let params = [7.0, 0.0, 45.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let y = called(|out, n| lt_crop_batch(cpu.0, cpu.1, inputs.as_ptr(), 24, params.as_ptr(), 64, out, n)).unwrap();
    let bytes = cpu.read([y[3], y[4]], 2 * 45 * 45 * 12);
    let cmyk = pixels("cmyk");
    let wanted = (0..45 * 45 * 3).map(|i| cmyk.pixels[(i / 135 * 67 + 11) * 3 + i % 135] as f32 / 255.0);
    assert!(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).zip(wanted).all(|(a, b)| a == b));

    // Writing in place changes the mapping, not the file.
    let before = std::fs::read(&path).unwrap();
    called(|out, n| lt_fill(cpu.0, cpu.1, label.as_ptr(), 8, [1.0].as_ptr(), 8, out, n)).unwrap();
    assert_eq!(cpu.read(label, 8), [1, 0, 0, 0, 1, 0, 0, 0]);
    assert!(std::fs::read(&path).unwrap() == before);

    // The mapping lives as long as one of its tensors; other ops refuse its dtype as always.
    assert_eq!(
        called(|out, n| lt_relu(cpu.0, cpu.1, inputs.as_ptr(), 8, std::ptr::null(), 0, out, n)).unwrap_err().0,
        3
    );
    std::fs::remove_file(&path).unwrap();
    for tensor in [pixel, table, header, [index[0], index[1]], [y[3], y[4]]] {
        cpu.release(tensor);
    }
    assert_eq!(cpu.read(label, 8)[4], 1);
    cpu.release(label);
    assert_eq!(cpu.live(), [0, 0, 0]);
}

#[test]
fn jobs_that_fail_or_are_cancelled_say_so() {
    let temp = Temp::create();
    std::fs::write(temp.join("cut.tgz"), &gzip(&small_tar().end())[..3000]).unwrap();
    let (source, folder) = (temp.join("cut.tgz").display().to_string(), temp.join("cache").display().to_string());
    let (words, message) = finished(start(&source, &folder, &OPTIONS).unwrap());
    assert_eq!((words[0], words[2]), (2, Status::Data as u32));
    assert!(message.contains("cut.tgz: Truncated"), "{message}");
    let job = start(&source, &folder, &OPTIONS).unwrap();
    called(|out, n| lt_image_job_cancel(job[0], job[1], out, n)).unwrap();
    assert!([2, 3].contains(&finished(job).0[0]));
    assert_eq!(temp.names("cache"), Vec::<String>::new());
}

/// A cache that is cut off between opening and the first batch: a late error of the op that met it, and no signal.
#[cfg(unix)]
#[test]
fn a_cache_that_is_cut_off_fails_the_op_that_reads_it() {
    let temp = Temp::create();
    std::fs::write(temp.join("set.tgz"), gzip(&small_tar().end())).unwrap();
    let (source, folder) = (temp.join("set.tgz").display().to_string(), temp.join("cache").display().to_string());
    assert_eq!(finished(start(&source, &folder, &OPTIONS).unwrap()).0[0], 1);
    let path = temp.join("cache").join(&temp.names("cache")[0]);
    let cpu = Cpu::new();
    let out = cpu.open(path.to_str().unwrap()).unwrap();
    let [pixel, table, label, header] = [3, 9, 15, 20].map(|at| [out[at], out[at + 1]]);
    let job = [out[25], out[26]];
    assert_eq!(finished(job).0[0], 1);
    let mut rights = std::fs::metadata(&path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of the test alone")]
    rights.set_readonly(false);
    std::fs::set_permissions(&path, rights).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
    let index =
        called(|out, n| lt_tensor_create(cpu.0, cpu.1, 3, [1u32].as_ptr(), 4, [0i32].as_ptr().cast(), 4, out, n))
            .unwrap();
    let inputs = [pixel[0], pixel[1], table[0], table[1], index[0], index[1]];
    let params = [7.0, 0.0, 45.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let y = called(|out, n| lt_crop_batch(cpu.0, cpu.1, inputs.as_ptr(), 24, params.as_ptr(), 64, out, n)).unwrap();
    let (status, message) = called(|out, n| lt_queue_wait(cpu.0, cpu.1, y[0], y[1], out, n)).unwrap_err();
    assert_eq!(status, Status::Late as i32);
    assert!(message.contains("crop_batch") && message.contains("was cut off while it was in use"), "{message}");
    let (words, message) = finished(job);
    assert_eq!((words[0], words[2]), (2, Status::Data as u32));
    assert!(message.contains("is damaged: it had "), "{message}");
    called(|out, n| lt_image_job_release(job[0], job[1], out, n)).unwrap();
    for tensor in [pixel, table, label, header, [index[0], index[1]], [y[3], y[4]]] {
        cpu.release(tensor);
    }
}

#[test]
fn wrong_arguments_are_refused_before_anything_runs() {
    let refused = |source: &str, options: &[f64]| start(source, "cache", options).unwrap_err();
    assert_eq!(refused("", &OPTIONS), (1, "image_job_start(): Expected `source` as a path in UTF-8".to_string()));
    assert!(refused("a\0b", &OPTIONS).1.contains("as a path"));
    for (at, value, word) in [
        (0, 0.5, "trainSize"),
        (1, -2.0, "valSize"),
        (1, 1e5, "valSize"),
        (3, 1.5, "split"),
        (4, 0.5, "nested"),
        (5, 2.0, "strict"),
        (6, 1.5, "mostUnreadable"),
        (7, -2.0, "mostUnreadableCount"),
        (8, 1e4, "threads"),
        (9, 0.0, "maxBytes"),
        (10, f64::NAN, "maxEntries"),
        (1, -1.0, "not below 0"),
    ] {
        let mut options = OPTIONS;
        options[at] = value;
        let (status, message) = refused("a", &options);
        assert!(status == 1 && message.contains(word), "{message}");
    }
    assert!(refused("a", &OPTIONS[..10]).1.contains("maxEntries"));
    assert!(refused("a", &[&OPTIONS[..], &[0.0]].concat()).1.contains("Expected 11 parameters, got 12"));
    let cpu = Cpu::new();
    let (status, message) = cpu.open("/nowhere/none.pixels").unwrap_err();
    assert!(status == Status::Data as i32 && message.contains("Cannot be opened"), "{message}");
}

//! Buffers of the caller: every one travels with its byte length.

use crate::budget::HOLDERS;
use crate::error::{Error, Result};
use crate::runtime::handles::Handle;
use crate::shape::Meta;

/// A caller's buffer as a slice.
///
/// # Safety
/// `pointer` is null, or the caller lends `bytes` bytes there for `'a` (a typed array and its own byteLength), and writes
/// to none of them meanwhile.
pub unsafe fn slice<'a, T: Copy>(op: &'static str, name: &str, pointer: *const T, bytes: u32) -> Result<&'a [T]> {
    let bytes = bytes as usize;
    if bytes == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() || !pointer.is_aligned() || !bytes.is_multiple_of(size_of::<T>()) {
        return Err(Error::argument(
            op,
            format!(
                "Expected `{name}` as a buffer of whole {}-byte elements, got {bytes} bytes at {pointer:?}",
                size_of::<T>()
            ),
        ));
    }
    // SAFETY: the caller's promise; aligned, and whole elements.
    Ok(unsafe { std::slice::from_raw_parts(pointer, bytes / size_of::<T>()) })
}

/// A caller's buffer to write to.
///
/// # Safety
/// As for [`slice`]; the caller does not read it meanwhile either.
pub unsafe fn slice_mut<'a, T: Copy>(op: &'static str, name: &str, pointer: *mut T, bytes: u32) -> Result<&'a mut [T]> {
    // SAFETY: the caller's promise; the slice is gone before the one below is made.
    unsafe { slice(op, name, pointer.cast_const(), bytes) }?;
    if bytes == 0 {
        return Ok(&mut []);
    }
    // SAFETY: the caller's promise; checked by `slice`.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, bytes as usize / size_of::<T>()) })
}

/// Pairs of u32 as handles.
pub fn handles(op: &'static str, pairs: &[u32]) -> Result<impl ExactSizeIterator<Item = Handle>> {
    if !pairs.len().is_multiple_of(2) {
        return Err(Error::argument(op, format!("Expected handles as pairs of u32, got {} numbers", pairs.len())));
    }
    Ok(pairs.chunks_exact(2).map(|pair| Handle { slot: pair[0], generation: pair[1] }))
}

/// Words in front of an error's texts; `lib/ffi/out.ts` reads them.
pub const ERROR_HEAD: usize = 11;
/// Words that follow them where memory was refused: budget, source, and bytes by holder.
const MEMORY_WORDS: usize = 2 * (2 + HOLDERS);
/// Flags of an error: the device is of no use any more; it is known what is free; memory was refused.
const LOST: u32 = 1;
const FREE_KNOWN: u32 = 2;
const MEMORY: u32 = 4;

/// The caller's buffer for results, or for an error.
pub struct Out<'a> {
    op: &'static str,
    words: &'a mut [u32],
    used: usize,
}

impl<'a> Out<'a> {
    /// # Safety
    /// As for [`slice_mut`].
    pub unsafe fn new(op: &'static str, pointer: *mut u32, bytes: u32) -> Result<Out<'a>> {
        // SAFETY: the caller's promise.
        Ok(Out { op, words: unsafe { slice_mut(op, "out", pointer, bytes) }?, used: 0 })
    }

    pub fn push(&mut self, word: u32) -> Result<()> {
        let Some(place) = self.words.get_mut(self.used) else {
            return Err(Error::argument(
                self.op,
                format!("Expected `out` to hold more than {} bytes", self.words.len() * 4),
            ));
        };
        *place = word;
        self.used += 1;
        Ok(())
    }

    /// Fails unless `words` more fit, so that nothing is done whose result cannot be told.
    pub fn reserve(&self, words: usize) -> Result<()> {
        if self.used + words > self.words.len() {
            return Err(Error::argument(
                self.op,
                format!("Expected `out` of at least {} bytes, got {}", (self.used + words) * 4, self.words.len() * 4),
            ));
        }
        Ok(())
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        (self.words.len() - self.used) * 4
    }

    /// A count, low word first.
    pub fn push_u64(&mut self, value: u64) -> Result<()> {
        self.push(value as u32)?;
        self.push((value >> 32) as u32)
    }

    pub fn push_handle(&mut self, handle: Handle) -> Result<()> {
        self.push(handle.slot)?;
        self.push(handle.generation)
    }

    /// slot, generation, dtype, rank, sizes
    pub fn push_tensor(&mut self, handle: Handle, meta: Meta) -> Result<()> {
        self.push_handle(handle)?;
        self.push(meta.dtype as u32)?;
        self.push(meta.shape.rank() as u32)?;
        meta.shape.dims().iter().try_for_each(|&dim| self.push(dim as u32))
    }

    /// Words that [`Out::push_tensor`] writes.
    pub fn tensor_words(meta: Meta) -> usize {
        4 + meta.shape.rank()
    }

    /// Byte length, then as much of the text as fits.
    pub fn text(&mut self, text: &str) -> Result<()> {
        let text = cut(text, self.room().saturating_sub(4));
        self.push(text.len() as u32)?;
        self.bytes(text.bytes())
    }

    /// Bytes, four a word; the last word is filled with zeros.
    fn bytes(&mut self, mut bytes: impl Iterator<Item = u8>) -> Result<()> {
        while let Some(first) = bytes.next() {
            let mut next = || bytes.next().unwrap_or(0);
            self.push(u32::from_ne_bytes([first, next(), next(), next()]))?;
        }
        Ok(())
    }

    /// Replaces whatever was written by an error: bytes of the op's name, bytes of the reason, flags, then u64 each the record
    /// of a late error, and bytes asked for, held and free; where memory was refused, the budget, the code of its source and
    /// bytes by holder; then name and reason in UTF-8, as much as fits. A buffer without room for the numbers gets the
    /// status alone.
    pub fn error(&mut self, error: &Error) {
        self.used = 0;
        let memory = error.memory();
        let head = ERROR_HEAD + if memory.is_some() { MEMORY_WORDS } else { 0 };
        if self.reserve(head).is_err() {
            return;
        }
        let room = self.room() - head * 4;
        let op = cut(error.op().unwrap_or(""), room);
        let reason = error.reason();
        let reason = cut(&reason, room - op.len());
        let record = if let Error::Late { record, .. } = error { *record } else { 0 };
        let (asked, held, free) = memory.map_or((0, 0, None), |memory| (memory.asked, memory.held, memory.free));
        let flags = u32::from(error.is_lost()) * LOST
            + u32::from(free.is_some()) * FREE_KNOWN
            + u32::from(memory.is_some()) * MEMORY;
        let numbers = [record, asked, held, free.unwrap_or(0)].into_iter();
        let more =
            memory.into_iter().flat_map(|memory| [memory.budget, memory.source as u64].into_iter().chain(memory.by));
        let written = [op.len() as u32, reason.len() as u32, flags]
            .into_iter()
            .try_for_each(|word| self.push(word))
            .and_then(|()| numbers.chain(more).try_for_each(|number| self.push_u64(number)))
            .and_then(|()| self.bytes(op.bytes().chain(reason.bytes())));
        debug_assert!(written.is_ok(), "there is room for it");
    }
}

/// For tests in Rust: the message of an error in a caller's buffer, as TypeScript shows it.
pub fn message_of(words: &[u32]) -> String {
    let head = ERROR_HEAD + if words[2] & MEMORY > 0 { MEMORY_WORDS } else { 0 };
    let bytes: Vec<u8> = words[head..].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let (op, rest) = bytes.split_at(words[0] as usize);
    let [op, reason] = [op, &rest[..words[1] as usize]].map(String::from_utf8_lossy);
    if op.is_empty() { reason.into_owned() } else { format!("{op}(): {reason}") }
}

/// The longest beginning of at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Refused, Source};

    fn written(error: &Error, words: usize) -> (Vec<u32>, String) {
        let mut buffer = vec![u32::MAX; words];
        // SAFETY: the vector has as many bytes, and nothing else uses it meanwhile.
        let out = unsafe { Out::new("test", buffer.as_mut_ptr(), (4 * words) as u32) };
        out.unwrap().error(error);
        let texts = buffer.iter().skip(ERROR_HEAD).flat_map(|word| word.to_ne_bytes());
        let bytes = buffer.iter().take(2).sum::<u32>() as usize;
        let texts = String::from_utf8(texts.take(bytes).collect()).unwrap();
        (buffer[..ERROR_HEAD].to_vec(), texts)
    }

    /// The head of an error about memory, and what follows it.
    fn numbers(error: &Error) -> (Vec<u32>, Vec<u32>) {
        let mut buffer = vec![u32::MAX; 128];
        // SAFETY: as in `written`.
        let out = unsafe { Out::new("test", buffer.as_mut_ptr(), 4 * 128) };
        out.unwrap().error(error);
        let more = buffer[ERROR_HEAD..][..MEMORY_WORDS].to_vec();
        assert!(message_of(&buffer).starts_with("add(): "), "the texts come last");
        (buffer[..ERROR_HEAD].to_vec(), more)
    }

    #[test]
    fn an_error_is_written_in_fields() {
        let message = "Bad (record 1)".to_string();
        let late = Error::Late { op: "conv2d", record: (7 << 32) + 5, message, lost: true, memory: None };
        let (head, texts) = written(&late, 64);
        assert_eq!(head, [6, 14, LOST, 5, 7, 0, 0, 0, 0, 0, 0]);
        assert_eq!(texts, "conv2dBad (record 1)");
        let by = std::array::from_fn(|holder| if holder == 1 { 5 << 32 } else { holder as u64 });
        let (budget, source) = (1 << 34, Source::ControlGroup);
        let memory = Box::new(Refused { asked: 1 << 33, held: 3, free: Some(0), budget, source, by });
        let (head, more) = numbers(&Error::OutOfMemory { op: "add", memory: memory.clone() });
        assert_eq!((&head[2..], head[0]), (&[FREE_KNOWN + MEMORY, 0, 0, 0, 2, 3, 0, 0, 0][..], 3));
        assert_eq!(&more[..8], [0, 4, source as u32, 0, 0, 0, 0, 5]);
        assert_eq!(&more[8..], [2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9, 0, 10, 0]);
        let late = Error::Late { op: "add", record: 9, message: "no".to_string(), lost: false, memory: Some(memory) };
        assert_eq!(numbers(&late).1, more);
        let (head, texts) = written(&Error::DeviceUnavailable { message: "no".to_string() }, 64);
        assert_eq!((&head[..3], texts.as_str()), (&[0, 2, 0][..], "no"));
    }

    #[test]
    fn a_text_that_does_not_fit_is_cut_and_nothing_else_is() {
        let late = Error::Late { op: "add", record: 9, message: "\u{e9}".repeat(4000), lost: false, memory: None };
        let (head, texts) = written(&late, ERROR_HEAD + 2);
        assert_eq!((head[0], head[1], head[3]), (3, 4, 9));
        assert_eq!(texts, "add\u{e9}\u{e9}");
    }
}

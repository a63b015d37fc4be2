//! Buffers of the caller: every one travels with its byte length.

use crate::error::{Error, Result};
use crate::runtime::handles::Handle;
use crate::shape::Meta;

/// A caller's buffer as a slice; only for the length of the call.
#[allow(clippy::not_unsafe_ptr_arg_deref)] // The caller is on the other side of the C ABI.
pub fn slice<'a, T: Copy>(op: &'static str, name: &str, pointer: *const T, bytes: u32) -> Result<&'a [T]> {
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
    // SAFETY: the caller lends `bytes` bytes for the call (a typed array and its own byteLength).
    Ok(unsafe { std::slice::from_raw_parts(pointer, bytes / size_of::<T>()) })
}

/// A caller's buffer to write to; only for the length of the call.
#[allow(clippy::not_unsafe_ptr_arg_deref)] // As above.
pub fn slice_mut<'a, T: Copy>(op: &'static str, name: &str, pointer: *mut T, bytes: u32) -> Result<&'a mut [T]> {
    slice(op, name, pointer.cast_const(), bytes)?;
    if bytes == 0 {
        return Ok(&mut []);
    }
    // SAFETY: checked by `slice`; the caller does not touch the buffer during the call.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, bytes as usize / size_of::<T>()) })
}

/// Pairs of u32 as handles.
pub fn handles(op: &'static str, pairs: &[u32]) -> Result<impl ExactSizeIterator<Item = Handle>> {
    if !pairs.len().is_multiple_of(2) {
        return Err(Error::argument(op, format!("Expected handles as pairs of u32, got {} numbers", pairs.len())));
    }
    Ok(pairs.chunks_exact(2).map(|pair| Handle { slot: pair[0], generation: pair[1] }))
}

/// The caller's buffer for results, or for the message of an error: [byte length, UTF-8 …].
pub struct Out<'a> {
    op: &'static str,
    words: &'a mut [u32],
    used: usize,
}

impl<'a> Out<'a> {
    pub fn new(op: &'static str, pointer: *mut u32, bytes: u32) -> Result<Out<'a>> {
        Ok(Out { op, words: slice_mut(op, "out", pointer, bytes)?, used: 0 })
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
        let room = self.words.len().saturating_sub(self.used + 1) * 4;
        let mut end = text.len().min(room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.push(end as u32)?;
        for chunk in text.as_bytes()[..end].chunks(4) {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            self.push(u32::from_ne_bytes(word))?;
        }
        Ok(())
    }

    /// Replaces whatever was written by an error's message.
    pub fn message(&mut self, text: &str) {
        self.used = 0;
        // A buffer without room for a single word gets the status alone.
        let _ = self.text(text);
    }
}

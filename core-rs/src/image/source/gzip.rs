//! A stream of gzip members one after the other, with zeros after the last, as tapes and `tar` pad them.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, ErrorKind, Read};

/// What gzip begins with.
pub const MAGIC: [u8; 2] = [0x1F, 0x8B];

enum State<R> {
    /// In a member.
    Inside(Box<GzDecoder<R>>),
    Ended,
}

/// The bytes of all members.
pub struct Members<R>(State<R>);

impl<R: BufRead> Members<R> {
    pub fn new(inner: R) -> Members<R> {
        Members(State::Inside(Box::new(GzDecoder::new(inner))))
    }

    /// Goes on after a member: with another one, or to the end.
    fn next(&mut self) -> io::Result<()> {
        let State::Inside(member) = std::mem::replace(&mut self.0, State::Ended) else { return Ok(()) };
        let mut inner = member.into_inner();
        if inner.fill_buf()?.first() == Some(&MAGIC[0]) {
            self.0 = State::Inside(Box::new(GzDecoder::new(inner)));
            return Ok(());
        }
        loop {
            let rest = inner.fill_buf()?;
            if rest.iter().any(|&byte| byte != 0) {
                return Err(io::Error::new(ErrorKind::InvalidData, "other data follow the compressed ones"));
            }
            match rest.len() {
                0 => return Ok(()),
                count => inner.consume(count),
            }
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let State::Inside(member) = &mut self.0 else { return Ok(0) };
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.next()?;
        }
    }
}

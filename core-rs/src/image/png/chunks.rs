//! The chunks of a file. What is not needed for the pixels is read past, never decompressed; wrong sums and what is missing
//! at the end are damage.

use crate::image::damage::Damage;
use crate::image::limits::Refusal;
use flate2::Crc;

/// A chunk as it stands.
pub struct Chunk<'a> {
    pub kind: [u8; 4],
    pub data: &'a [u8],
    /// Whether its data are all there.
    pub is_whole: bool,
    pub sum_is_right: bool,
}

impl Chunk<'_> {
    fn name(&self) -> String {
        self.kind.escape_ascii().to_string()
    }
}

pub struct Chunks<'a> {
    rest: &'a [u8],
    /// A chunk that was looked at before its turn.
    next: Option<Chunk<'a>>,
}

impl<'a> Chunks<'a> {
    /// After the signature.
    pub fn new(rest: &'a [u8]) -> Chunks<'a> {
        Chunks { rest, next: None }
    }

    /// `None` where the file ends, or goes on with what is no chunk.
    pub fn next(&mut self) -> Option<Chunk<'a>> {
        if let Some(chunk) = self.next.take() {
            return Some(chunk);
        }
        let (head, rest) = self.rest.split_first_chunk::<8>()?;
        let [l3, l2, l1, l0, kind @ ..] = *head;
        let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let is_whole = rest.len() >= length;
        let (data, rest) = rest.split_at(length.min(rest.len()));
        let (sum, rest) = rest.split_at(rest.len().min(4));
        self.rest = rest;
        let mut crc = Crc::new();
        crc.update(&kind);
        crc.update(data);
        Some(Chunk { kind, data, is_whole, sum_is_right: *sum == crc.sum().to_be_bytes() })
    }

    /// Reads up to the first of the data; gives the palette, black where it has no entries.
    pub fn before_data(&mut self, indexed: bool, damage: &mut Damage) -> Result<Box<[[u8; 3]; 256]>, Refusal> {
        let (mut palette, mut has_palette) = (Box::new([[0; 3]; 256]), false);
        loop {
            let Some(chunk) = self.next() else { return Err("Truncated or corrupt: no image data".into()) };
            if &chunk.kind == b"IDAT" {
                self.next = Some(chunk);
                break;
            }
            if &chunk.kind == b"IEND" || !chunk.is_whole {
                return Err("Truncated or corrupt: no image data".into());
            }
            if &chunk.kind == b"PLTE" {
                let (entries, rest) = chunk.data.as_chunks::<3>();
                if indexed && (!chunk.sum_is_right || entries.len() > 256 || entries.is_empty()) {
                    return Err("Corrupt: a palette with a wrong sum or length".into());
                }
                if indexed {
                    palette[..entries.len()].copy_from_slice(entries);
                    has_palette = true;
                    if !rest.is_empty() {
                        damage.note(|| "A palette with a part of an entry".to_string());
                    }
                }
            }
            note(&chunk, damage);
        }
        if indexed && !has_palette {
            return Err("Corrupt: an image of palette entries without a palette".into());
        }
        Ok(palette)
    }

    /// The next piece of the data, which stand together.
    pub fn next_data(&mut self, damage: &mut Damage) -> Option<&'a [u8]> {
        let chunk = self.next()?;
        if &chunk.kind != b"IDAT" {
            self.next = Some(chunk);
            return None;
        }
        if chunk.is_whole && !chunk.sum_is_right {
            damage.note(|| "The sum of a piece of the data is wrong".to_string());
        }
        Some(chunk.data)
    }

    /// Reads on to the end of the file.
    pub fn after_data(&mut self, damage: &mut Damage) {
        loop {
            let Some(chunk) = self.next() else {
                return damage.note(|| "Ends without its end chunk".to_string());
            };
            note(&chunk, damage);
            if &chunk.kind == b"IEND" {
                break;
            }
        }
        if !self.rest.is_empty() {
            damage.note(|| format!("{} bytes after its end", self.rest.len()));
        }
    }
}

/// Notes a wrong sum, and a chunk that must be understood and is not.
fn note(chunk: &Chunk, damage: &mut Damage) {
    if !chunk.sum_is_right {
        damage.note(|| format!("The sum of its chunk {} is wrong", chunk.name()));
    }
    if chunk.kind[0].is_ascii_uppercase() && ![b"PLTE", b"IDAT", b"IEND"].contains(&&chunk.kind) {
        damage.note(|| format!("A chunk {}, which has no meaning", chunk.name()));
    }
}

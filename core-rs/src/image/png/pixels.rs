//! Samples to RGB.

/// How the samples of a pixel lie in a row.
pub struct Layout {
    color: Color,
    /// Bits of a sample.
    depth: usize,
    /// Of indexed images; entries that the file does not have are black.
    pub palette: Box<[[u8; 3]; 256]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Color {
    Grey,
    Rgb,
    Indexed,
    GreyAlpha,
    Rgba,
}

impl Layout {
    /// From the header's colour type and bit depth, where there is such a pair.
    pub fn new(color: u8, depth: u8) -> Option<Layout> {
        let color = match (color, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => Color::Grey,
            (2, 8 | 16) => Color::Rgb,
            (3, 1 | 2 | 4 | 8) => Color::Indexed,
            (4, 8 | 16) => Color::GreyAlpha,
            (6, 8 | 16) => Color::Rgba,
            _ => return None,
        };
        Some(Layout { color, depth: depth as usize, palette: Box::new([[0; 3]; 256]) })
    }

    pub fn is_indexed(&self) -> bool {
        self.color == Color::Indexed
    }

    fn pixel_bits(&self) -> usize {
        let samples = match self.color {
            Color::Grey | Color::Indexed => 1,
            Color::GreyAlpha => 2,
            Color::Rgb => 3,
            Color::Rgba => 4,
        };
        samples * self.depth
    }

    /// Bytes of so many pixels.
    pub fn row_bytes(&self, pixels: usize) -> usize {
        (pixels * self.pixel_bits()).div_ceil(8)
    }

    /// Bytes between a pixel and the one before, for the filters.
    pub fn filter_step(&self) -> usize {
        self.pixel_bits().div_ceil(8)
    }

    /// Makes an image longer by what pixels without data have: the palette's first entry, or black.
    pub fn extend_to(&self, pixels: &mut Vec<u8>, bytes: usize) {
        let before = pixels.len();
        if before < bytes {
            pixels.resize(bytes, 0);
            if self.is_indexed() {
                pixels[before..].as_chunks_mut::<3>().0.fill(self.palette[0]);
            }
        }
    }

    /// Writes a row's `count` pixels to every `step`th of `pixels`, from `first` on.
    pub fn write(&self, row: &[u8], count: usize, pixels: &mut [[u8; 3]], first: usize, step: usize) {
        let pixels = &mut pixels[first..];
        match (self.color, self.depth) {
            (Color::Rgb, 8) if step == 1 => pixels[..count].copy_from_slice(row.as_chunks().0),
            (Color::Rgb, 8) => spread(row, pixels, step, |&[r, g, b]| [r, g, b]),
            (Color::Rgb, _) => spread(row, pixels, step, |&[r, _, g, _, b, _]| [r, g, b]),
            (Color::Rgba, 8) => spread(row, pixels, step, |&[r, g, b, _]| [r, g, b]),
            (Color::Rgba, _) => spread(row, pixels, step, |&[r, _, g, _, b, _, _, _]| [r, g, b]),
            (Color::GreyAlpha, 8) => spread(row, pixels, step, |&[grey, _]| [grey; 3]),
            (Color::GreyAlpha, _) => spread(row, pixels, step, |&[grey, _, _, _]| [grey; 3]),
            // As PIL's mode I;16: what is beyond 255 is white.
            (Color::Grey, 16) => spread(row, pixels, step, |&[high, low]| [if high > 0 { 255 } else { low }; 3]),
            (Color::Grey, 8) => spread(row, pixels, step, |&[grey]| [grey; 3]),
            (Color::Indexed, 8) => spread(row, pixels, step, |&[index]| self.palette[index as usize]),
            (Color::Grey | Color::Indexed, depth) => {
                let most = (1 << depth) - 1;
                let colors: [[u8; 3]; 16] = std::array::from_fn(|value| match self.color {
                    Color::Indexed => self.palette[value],
                    _ => [(value.min(most) * 255 / most) as u8; 3],
                });
                for (i, pixel) in pixels.iter_mut().step_by(step).take(count).enumerate() {
                    let shift = 8 - depth - i * depth % 8;
                    *pixel = colors[(row[i * depth / 8] >> shift) as usize & most];
                }
            }
        }
    }
}

/// Makes a pixel of every `N` bytes of a row.
#[inline(always)]
fn spread<const N: usize>(row: &[u8], pixels: &mut [[u8; 3]], step: usize, pixel: impl Fn(&[u8; N]) -> [u8; 3]) {
    let samples = row.as_chunks::<N>().0;
    match step {
        1 => pixels.iter_mut().zip(samples).for_each(|(to, from)| *to = pixel(from)),
        _ => pixels.iter_mut().step_by(step).zip(samples).for_each(|(to, from)| *to = pixel(from)),
    }
}

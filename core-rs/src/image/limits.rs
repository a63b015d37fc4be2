//! What is refused before any memory is asked for.

/// Pixels of one image: a 50 megapixel photograph.
pub const PIXELS: usize = 50_000_000;

/// Pixels along one side.
pub const SIDE: usize = 16_384;

/// Scans of a progressive JPEG; encoders write about ten, each costs a pass over the image.
pub const SCANS: usize = 256;

/// Bytes of one image file.
pub const FILE_BYTES: u64 = 256 << 20;

/// Bytes that come out of a compressed archive for each that goes in.
pub const RATIO: u64 = 200;

/// Bytes out of an archive up to which [`RATIO`] is not looked at: an empty tar alone has 10 KiB of zeros.
pub const RATIO_FROM: u64 = 1 << 20;

/// Checks the size that an image's header gives.
pub fn check_size(width: usize, height: usize) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("Expected an image with pixels, got {width} x {height}"));
    }
    if width > SIDE || height > SIDE || width * height > PIXELS {
        return Err(format!(
            "Expected at most {SIDE} pixels a side and {} million in all, got {width} x {height}",
            PIXELS / 1_000_000
        ));
    }
    Ok(())
}

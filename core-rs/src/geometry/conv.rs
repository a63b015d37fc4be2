//! The sizes of a convolution, as every backend takes them.

/// The sizes of a convolution. Images are `[n, h, w, c]`, results `[n, oh, ow, out]`, weights
/// `[out, kh, kw, c / groups]`; padding is with zeros, the same at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Images in the batch.
    pub n: usize,
    /// Image height.
    pub h: usize,
    /// Image width.
    pub w: usize,
    /// Image channels.
    pub c: usize,
    /// Result channels.
    pub out: usize,
    /// Window height.
    pub kh: usize,
    /// Window width.
    pub kw: usize,
    /// Rows from one window to the next.
    pub stride_h: usize,
    /// Columns from one window to the next.
    pub stride_w: usize,
    /// Zero rows above and below each image.
    pub pad_h: usize,
    /// Zero columns left and right of each image.
    pub pad_w: usize,
    /// Groups of channels that are convolved separately.
    pub groups: usize,
    /// Result height.
    pub oh: usize,
    /// Result width.
    pub ow: usize,
}

impl ConvShape {
    /// How many windows of `kernel` fit along `size` elements with `pad` zeros at both ends.
    pub fn output_size(size: usize, kernel: usize, stride: usize, pad: usize) -> usize {
        (size + 2 * pad).checked_sub(kernel).map_or(0, |room| room / stride + 1)
    }

    /// Panics unless the sizes fit together and the slices have the lengths they imply.
    pub(crate) fn check<S>(&self, x: &[S], w: &[S], y: &[S]) {
        assert!(self.stride_h > 0 && self.stride_w > 0 && self.kh > 0 && self.kw > 0);
        assert!(self.groups > 0 && self.c.is_multiple_of(self.groups));
        assert!(self.out.is_multiple_of(self.groups));
        assert_eq!(self.oh, Self::output_size(self.h, self.kh, self.stride_h, self.pad_h));
        assert_eq!(self.ow, Self::output_size(self.w, self.kw, self.stride_w, self.pad_w));
        assert_eq!(x.len(), self.n * self.h * self.w * self.c, "images");
        assert_eq!(w.len(), self.out * self.patch(), "weights");
        assert_eq!(y.len(), self.pixels() * self.out, "results");
    }

    /// Channels of the images in one group.
    pub(crate) fn group_in(&self) -> usize {
        self.c / self.groups
    }

    /// Channels of the results in one group.
    pub(crate) fn group_out(&self) -> usize {
        self.out / self.groups
    }

    /// Weights per result channel.
    pub(crate) fn patch(&self) -> usize {
        self.kh * self.kw * self.group_in()
    }

    /// Result pixels in the batch.
    pub(crate) fn pixels(&self) -> usize {
        self.n * self.oh * self.ow
    }

    /// Whether each result pixel depends on the image pixel at the same place alone, through
    /// one matrix.
    pub(crate) fn is_pointwise(&self) -> bool {
        let window = (self.kh, self.kw, self.stride_h, self.stride_w, self.pad_h, self.pad_w);
        window == (1, 1, 1, 1, 0, 0) && self.groups == 1
    }
}

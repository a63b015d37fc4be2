//! Choices as text: a line each, `what = which`, sorted, below a line that says what they hold for. Lines that begin with `#`
//! say why cuDNN computes nothing of a convolution; they are for readers.

use super::{Arithmetic, Choices, Convolution, CublasltAlgorithm, CudnnAlgorithm, Engine, Pass, Product};
use crate::geometry::conv::ConvShape;
use crate::shape::MatmulShape;
use std::fmt;
use std::str::{FromStr, SplitWhitespace};

/// How the first line begins; the number goes up with the format.
const TITLE: &str = "libtrain CUDA plan 1 for ";
/// How a line begins that is for readers alone.
const REMARK: &str = "# ";

const PASSES: [(Pass, &str); 3] = [(Pass::Forward, "forward"), (Pass::Input, "input"), (Pass::Weight, "weight")];
const ARITHMETICS: [(Arithmetic, &str); 3] =
    [(Arithmetic::F32, "f32"), (Arithmetic::Tf32, "tf32"), (Arithmetic::Bf16, "bf16")];

fn name_of<T: PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(known, _)| *known == value).expect("every value has its name").1
}

fn named<T: Copy>(table: &[(T, &str)], name: &str) -> Option<T> {
    table.iter().find(|(_, known)| *known == name).map(|(value, _)| *value)
}

impl fmt::Display for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pass, arithmetic, s) = (name_of(&PASSES, self.pass), name_of(&ARITHMETICS, self.arithmetic), &self.shape);
        write!(f, "convolution {pass} {arithmetic} image {} {} {} {}", s.n, s.h, s.w, s.c)?;
        write!(f, " weight {} {} {} stride {} {}", s.out, s.kh, s.kw, s.stride_h, s.stride_w)?;
        write!(f, " padding {} {} groups {}", s.pad_h, s.pad_w, s.groups)
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stored = |transposed: bool| if transposed { "transposed" } else { "plain" };
        let (arithmetic, alignment) = (name_of(&ARITHMETICS, self.arithmetic), self.alignment);
        let MatmulShape { batch, m, n, k, .. } = self.shape;
        let (a, b) = (stored(self.shape.transpose_a), stored(self.shape.transpose_b));
        write!(f, "product {arithmetic} {batch} of {m} {n} {k} {a} {b} aligned {alignment}")
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Engine::Cudnn(CudnnAlgorithm { algorithm, math }) => write!(f, "cudnn {algorithm} {math}"),
            Engine::Gemm => f.write_str("gemm"),
            Engine::Grouped => f.write_str("grouped"),
            Engine::Direct => f.write_str("direct"),
        }
    }
}

impl fmt::Display for CublasltAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data.iter().try_for_each(|word| write!(f, "{word:016x} "))?;
        write!(f, "{}", self.workspace)
    }
}

/// The words of a line.
struct Words<'a>(SplitWhitespace<'a>);

impl Words<'_> {
    fn number<T: FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }

    fn numbers<T: FromStr + Copy, const N: usize>(&mut self) -> Option<[T; N]> {
        let read: Vec<T> = (0..N).map(|_| self.number()).collect::<Option<_>>()?;
        read.try_into().ok()
    }

    fn named<T: Copy>(&mut self, table: &[(T, &str)]) -> Option<T> {
        named(table, self.0.next()?)
    }

    fn word(&mut self, wanted: &str) -> Option<()> {
        (self.0.next()? == wanted).then_some(())
    }

    fn end(&mut self) -> Option<()> {
        self.0.next().is_none().then_some(())
    }

    fn convolution(&mut self) -> Option<Convolution> {
        let (pass, arithmetic) = (self.named(&PASSES)?, self.named(&ARITHMETICS)?);
        self.word("image")?;
        let [n, h, w, c] = self.numbers()?;
        self.word("weight")?;
        let [out, kh, kw] = self.numbers()?;
        self.word("stride")?;
        let [stride_h, stride_w] = self.numbers()?;
        self.word("padding")?;
        let [pad_h, pad_w] = self.numbers()?;
        self.word("groups")?;
        let groups = self.number()?;
        if stride_h == 0 || stride_w == 0 {
            return None;
        }
        let (oh, ow) = (ConvShape::output_size(h, kh, stride_h, pad_h), ConvShape::output_size(w, kw, stride_w, pad_w));
        let shape = ConvShape { n, h, w, c, out, kh, kw, stride_h, stride_w, pad_h, pad_w, groups, oh, ow };
        Some(Convolution { pass, arithmetic, shape })
    }

    fn product(&mut self) -> Option<Product> {
        let stored = [(false, "plain"), (true, "transposed")];
        let (arithmetic, batch) = (self.named(&ARITHMETICS)?, self.number()?);
        self.word("of")?;
        let [m, n, k] = self.numbers()?;
        let (transpose_a, transpose_b) = (self.named(&stored)?, self.named(&stored)?);
        self.word("aligned")?;
        let alignment = self.number()?;
        let shape = MatmulShape { batch, m, n, k, transpose_a, transpose_b };
        Some(Product { arithmetic, shape, alignment })
    }

    fn engine(&mut self) -> Option<Engine> {
        match self.0.next()? {
            "cudnn" => Some(Engine::Cudnn(CudnnAlgorithm { algorithm: self.number()?, math: self.number()? })),
            "gemm" => Some(Engine::Gemm),
            "grouped" => Some(Engine::Grouped),
            "direct" => Some(Engine::Direct),
            _ => None,
        }
    }

    fn algorithm(&mut self) -> Option<CublasltAlgorithm> {
        let mut data = [0; 8];
        for word in &mut data {
            *word = u64::from_str_radix(self.0.next()?, 16).ok()?;
        }
        Some(CublasltAlgorithm { data, workspace: self.number()? })
    }
}

pub(super) fn write(choices: &Choices, holds_for: &str) -> String {
    let convolutions = choices.convolutions.iter().map(|(what, which)| format!("{what} = {which}\n"));
    let mut lines: Vec<String> = convolutions.collect();
    lines.extend(choices.products.iter().map(|(what, which)| format!("{what} = {which}\n")));
    lines.extend(choices.refusals.iter().map(|(what, why)| format!("{REMARK}{what}: {}\n", why.replace('\n', " "))));
    lines.sort();
    format!("{TITLE}{holds_for}\n{}", lines.concat())
}

/// The choices, none where they hold for something else; or the line that is none of a plan.
pub(super) fn read<'a>(text: &'a str, holds_for: &str) -> Result<Choices, &'a str> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if first.strip_prefix(TITLE).ok_or(first)? != holds_for {
        return Ok(Choices::default());
    }
    let mut choices = Choices::default();
    for line in lines.filter(|line| !line.starts_with(REMARK)) {
        take(&mut choices, line).ok_or(line)?;
    }
    Ok(choices)
}

fn take(choices: &mut Choices, line: &str) -> Option<()> {
    let (what, which) = line.split_once(" = ")?;
    let (mut what, mut which) = (Words(what.split_whitespace()), Words(which.split_whitespace()));
    match what.0.next()? {
        "convolution" => {
            choices.convolutions.insert(what.convolution()?, which.engine()?);
        }
        "product" => {
            choices.products.insert(what.product()?, which.algorithm()?);
        }
        _ => return None,
    }
    what.end()?;
    which.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Choices {
        let [n, h, w, c, groups] = [32, 17, 16, 128, 32];
        let (stride_h, stride_w, pad_h, pad_w) = (2, 1, 1, 0);
        let shape =
            ConvShape { n, h, w, c, out: 256, kh: 3, kw: 1, stride_h, stride_w, pad_h, pad_w, groups, oh: 9, ow: 16 };
        let mut choices = Choices::default();
        let engines = [Engine::Cudnn(CudnnAlgorithm { algorithm: 1, math: 3 }), Engine::Gemm, Engine::Grouped];
        for ((pass, _), engine) in PASSES.into_iter().zip(engines) {
            for (arithmetic, _) in ARITHMETICS {
                choices.convolutions.insert(Convolution { pass, arithmetic, shape }, engine);
            }
        }
        let product = Product {
            arithmetic: Arithmetic::Bf16,
            shape: MatmulShape { batch: 4, m: 3, n: 5, k: 0, transpose_a: true, transpose_b: false },
            alignment: 16,
        };
        let data = [0, 1, u64::MAX, 3, 4, 5, 6, 7];
        choices.products.insert(product, CublasltAlgorithm { data, workspace: 1 << 25 });
        choices
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (choices, gpu) = (choices(), "sm_90 with 132 processors, cuDNN 92600, cuBLASLt 130400");
        let text = write(&choices, gpu);
        let read = read(&text, gpu).unwrap();
        assert_eq!(read.convolutions, choices.convolutions);
        assert_eq!(read.products, choices.products);
        assert_eq!(write(&read, gpu), text);
        assert!(
            text.contains(
                "\nconvolution input tf32 image 32 17 16 128 weight 256 3 1 stride 2 1 padding 1 0 groups 32 = gemm\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_plan_of_another_gpu_is_none_and_a_damaged_one_an_error() {
        let text = write(&choices(), "sm_90");
        let other = read(&text, "sm_80").unwrap();
        assert!(other.convolutions.is_empty() && other.products.is_empty());
        assert_eq!(read("weights", "sm_90").err(), Some("weights"));
        let damaged = text.replace("groups 32 = cudnn 1 3", "groups 32 = cudnn 1");
        assert!(read(&damaged, "sm_90").err().is_some_and(|line| line.ends_with("= cudnn 1")));
        let longer = text.replace("= gemm", "= gemm 1");
        assert!(read(&longer, "sm_90").err().is_some_and(|line| line.ends_with("= gemm 1")));
    }
}

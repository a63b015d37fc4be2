//! Parameters as they cross the ABI: one f64 each, in the order of the op table.

use super::activation::Activation;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// Reads an op's parameters one after the other, each checked against its kind.
pub struct Params<'a> {
    op: &'static str,
    values: &'a [f64],
    next: usize,
}

impl<'a> Params<'a> {
    pub fn new(op: &'static str, values: &'a [f64]) -> Params<'a> {
        Params { op, values, next: 0 }
    }

    pub fn op(&self) -> &'static str {
        self.op
    }

    fn take(&mut self, name: &str) -> Result<f64> {
        let value = self.values.get(self.next).copied();
        self.next += 1;
        value.ok_or_else(|| Error::argument(self.op, format!("Expected a parameter `{name}`, got none")))
    }

    fn whole(&self, name: &str, value: f64, low: f64, high: f64) -> Result<f64> {
        if value.fract() != 0.0 || !(low..=high).contains(&value) {
            return Err(Error::argument(
                self.op,
                format!("Expected `{name}` as a whole number from {low} to {high}, got {value}"),
            ));
        }
        Ok(value)
    }

    /// A whole number from 0 to 2^32 - 1.
    pub fn u32(&mut self, name: &str) -> Result<usize> {
        let value = self.take(name)?;
        Ok(self.whole(name, value, 0.0, u32::MAX as f64)? as usize)
    }

    /// A whole number from `low` to 2^32 - 1.
    pub fn at_least(&mut self, name: &str, low: usize) -> Result<usize> {
        let value = self.take(name)?;
        Ok(self.whole(name, value, low as f64, u32::MAX as f64)? as usize)
    }

    /// A finite number.
    pub fn f64(&mut self, name: &str) -> Result<f64> {
        let value = self.take(name)?;
        if !value.is_finite() {
            return Err(Error::argument(self.op, format!("Expected `{name}` as a finite number, got {value}")));
        }
        Ok(value)
    }

    /// A number in low..=high.
    pub fn within(&mut self, name: &str, low: f64, high: f64) -> Result<f64> {
        let value = self.f64(name)?;
        if !(low..=high).contains(&value) {
            return Err(Error::argument(self.op, format!("Expected `{name}` from {low} to {high}, got {value}")));
        }
        Ok(value)
    }

    pub fn bool(&mut self, name: &str) -> Result<bool> {
        let value = self.take(name)?;
        Ok(self.whole(name, value, 0.0, 1.0)? == 1.0)
    }

    pub fn dtype(&mut self, name: &str) -> Result<Dtype> {
        let value = self.take(name)?;
        let code = self.whole(name, value, 0.0, 255.0)? as u32;
        Dtype::from_code(code)
            .ok_or_else(|| Error::argument(self.op, format!("Expected `{name}` as the code of a dtype, got {code}")))
    }

    pub fn activation(&mut self, name: &str) -> Result<Activation> {
        let value = self.take(name)?;
        let code = self.whole(name, value, 0.0, 255.0)? as u32;
        Activation::from_code(code).ok_or_else(|| {
            Error::argument(self.op, format!("Expected `{name}` as the code of an activation, got {code}"))
        })
    }

    /// All that is left, as whole numbers.
    pub fn rest_u32(&mut self, name: &str) -> Result<Vec<usize>> {
        let rest = self.rest_f64(name)?;
        rest.into_iter().map(|value| Ok(self.whole(name, value, 0.0, u32::MAX as f64)? as usize)).collect()
    }

    /// All that is left, as finite numbers.
    pub fn rest_f64(&mut self, name: &str) -> Result<Vec<f64>> {
        let rest = self.values.get(self.next..).unwrap_or(&[]);
        self.next = self.values.len();
        if let Some(bad) = rest.iter().find(|value| !value.is_finite()) {
            return Err(Error::argument(self.op, format!("Expected `{name}` as finite numbers, got {bad}")));
        }
        Ok(rest.to_vec())
    }

    /// All that is left, as a shape.
    pub fn rest_shape(&mut self, name: &str) -> Result<Shape> {
        let dims = self.rest_u32(name)?;
        Shape::new(self.op, &dims)
    }

    /// Fails if parameters are left over.
    pub fn finish(&self) -> Result<()> {
        if self.next < self.values.len() {
            return Err(Error::argument(
                self.op,
                format!("Expected {} parameters, got {}", self.next, self.values.len()),
            ));
        }
        Ok(())
    }
}

//! What Lambda's operations are sent: AWS's model as tables, written by `scripts/aws-model`, and where Larder is another
//! than the model on purpose.

#[rustfmt::skip]
mod kinds;
pub mod overrides;
#[rustfmt::skip]
pub mod requests;

//! Roles and policies of the IAM neighbour, as stored.

use crate::model::event::iam::IamEvent;

events! { IamEvent {} }

//! Layers and their policies, as stored.

use crate::model::event::layers::LayerEvent;

events! { LayerEvent {} }

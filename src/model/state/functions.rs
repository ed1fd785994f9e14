//! The functions of a state. Those that a start read lie folded until somebody asks for them: it need not wait for the
//! making of each, nor have room for all of them.

use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use super::Usage;
use crate::model::folded::{Folded, Unfold};
use crate::model::functions::Function;
use crate::model::names::FunctionKey;

/// Functions by their places.
#[derive(Clone, Default)]
pub struct Functions(OrdMap<FunctionKey, Kept>);

#[derive(Clone)]
enum Kept {
    Open(Arc<Function>),
    Folded(Arc<FoldedFunction>),
}

/// A function that no index of the state has an entry for.
struct FoldedFunction {
    usage: Usage,
    function: Folded<Arc<Function>>,
}

/// How a function is kept.
pub enum Form<'a> {
    /// As it is.
    Open(&'a Arc<Function>),
    /// As these bytes, with what it uses.
    Folded(&'a [u8], Usage),
}

impl Kept {
    fn open(&self) -> &Arc<Function> {
        match self {
            Self::Open(function) => function,
            Self::Folded(folded) => folded.function.open(),
        }
    }

    fn read(&self) -> Arc<Function> {
        match self {
            Self::Open(function) => Arc::clone(function),
            Self::Folded(folded) => folded.function.read(),
        }
    }

    fn form(&self) -> Form<'_> {
        match self {
            Self::Open(function) => Form::Open(function),
            Self::Folded(folded) => Form::Folded(folded.function.bytes(), folded.usage),
        }
    }
}

impl Functions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their places, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &FunctionKey> {
        self.0.keys()
    }

    /// The function at `key`, which stays open.
    pub fn get(&self, key: &FunctionKey) -> Option<&Arc<Function>> {
        self.0.get(key).map(Kept::open)
    }

    /// The function at `key`, opened for the caller only.
    pub fn read(&self, key: &FunctionKey) -> Option<Arc<Function>> {
        self.0.get(key).map(Kept::read)
    }

    /// Puts a function at `key`.
    pub fn insert(&mut self, key: FunctionKey, function: Arc<Function>) {
        self.0.insert(key, Kept::Open(function));
    }

    /// Puts a folded function at `key`, that [`Function::usage_at_rest`] had this of.
    pub fn insert_folded(&mut self, key: FunctionKey, usage: Usage, bytes: Box<[u8]>, unfold: Unfold<Arc<Function>>) {
        let function = Folded::new(bytes, unfold);
        self.0.insert(key, Kept::Folded(Arc::new(FoldedFunction { usage, function })));
    }

    /// Removes the function at `key`.
    pub fn remove(&mut self, key: &FunctionKey) {
        self.0.remove(key);
    }

    /// All of them, in the order of their places, each opened for the caller only.
    pub fn iter(&self) -> impl Iterator<Item = (&FunctionKey, Arc<Function>)> {
        self.0.iter().map(|(key, kept)| (key, kept.read()))
    }

    /// The same without their places.
    pub fn values(&self) -> impl Iterator<Item = Arc<Function>> {
        self.0.values().map(Kept::read)
    }

    /// Those in a range that have a place that is meant, in order, each opened for the caller only.
    pub fn range(
        &self,
        range: impl RangeBounds<FunctionKey>,
        is_meant: impl Fn(&FunctionKey) -> bool,
    ) -> impl Iterator<Item = Arc<Function>> {
        self.0.range(range).filter(move |(key, _)| is_meant(key)).map(|(_, kept)| kept.read())
    }

    /// How each is kept.
    pub fn forms(&self) -> impl Iterator<Item = (&FunctionKey, Form<'_>)> {
        self.0.iter().map(|(key, kept)| (key, kept.form()))
    }

    /// Where `to` differs. What both share is not looked at.
    pub fn places_changed<'a>(&'a self, to: &'a Self) -> impl Iterator<Item = &'a FunctionKey> {
        self.0.diff(&to.0).map(|difference| match difference {
            DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), .. } => key,
        })
    }

    /// The same, and what `to` has there.
    pub fn changes_to<'a>(&'a self, to: &'a Self) -> impl Iterator<Item = (&'a FunctionKey, Option<Arc<Function>>)> {
        self.0.diff(&to.0).map(|difference| match difference {
            DiffItem::Add(key, kept) | DiffItem::Update { new: (key, kept), .. } => (key, Some(kept.read())),
            DiffItem::Remove(key, _) => (key, None),
        })
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Open(one), Self::Open(two)) => Arc::ptr_eq(one, two) || one == two,
            (Self::Folded(one), Self::Folded(two)) if one.function.bytes() == two.function.bytes() => true,
            _ => self.read() == other.read(),
        }
    }
}

impl PartialEq for Functions {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(FunctionKey, Arc<Function>)> for Functions {
    fn from_iter<I: IntoIterator<Item = (FunctionKey, Arc<Function>)>>(functions: I) -> Self {
        Self(functions.into_iter().map(|(key, function)| (key, Kept::Open(function))).collect())
    }
}

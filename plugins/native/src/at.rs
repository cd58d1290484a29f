//! The subject of a hook.

use crate::abi::{Logger, Root, Stream};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    Nothing,
    Stream(Stream),
    Log(Logger),
    Root(Root),
}

/// The answer to a call, as its hook has it.
#[derive(Debug, Default)]
pub(crate) struct CallAnswer {
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

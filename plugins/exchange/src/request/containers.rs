//! Walks through the objects and arrays of a request.

use super::scan_error::ScanError;
use crate::json::{Cursor, Text};

/// Walks the object that is next; `member` must skip each value.
pub(super) fn object<'a>(
    cursor: &mut Cursor<'a>,
    mut member: impl FnMut(&mut Cursor<'a>, Text<'a>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    let mut first = true;
    cursor.enter()?;
    while let Some(name) = cursor.member(&mut first)? {
        member(cursor, name)?;
    }
    Ok(())
}

/// Walks the array that is next; `element` must skip each value.
pub(super) fn array<'a>(
    cursor: &mut Cursor<'a>,
    mut element: impl FnMut(&mut Cursor<'a>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    let mut first = true;
    cursor.enter()?;
    while cursor.element(&mut first)? {
        element(cursor)?;
    }
    Ok(())
}

//! Values by [`ExchangeId`], each at a place of its own. To find one is to index a list, which each chunk of an answer does.

use crate::exchange_id::ExchangeId;
use headgate_policy::RequestId;

/// See the module's text.
pub(crate) struct Table<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

struct Place<T> {
    request: RequestId,
    /// Absent while a callback works on it, and when the place is free.
    value: Option<Box<T>>,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Takes a place for a value that is still to be put there.
    pub(crate) fn reserve(&mut self, request: RequestId) -> Option<ExchangeId> {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = u32::try_from(self.places.len()).ok()?;
                self.places.push(Place { request, value: None });
                place
            }
        };
        self.places.get_mut(place as usize)?.request = request;
        Some(ExchangeId { place, request })
    }

    fn place(&mut self, id: ExchangeId) -> Option<&mut Place<T>> {
        self.places.get_mut(id.place as usize).filter(|place| place.request == id.request)
    }

    /// Takes a value out for a while. Its place remains.
    pub(crate) fn take(&mut self, id: ExchangeId) -> Option<Box<T>> {
        self.place(id)?.value.take()
    }

    /// Puts a value at its place.
    pub(crate) fn put(&mut self, id: ExchangeId, value: Box<T>) {
        if let Some(place) = self.place(id) {
            place.value = Some(value);
        }
    }

    /// Removes a value, and gives its place to others.
    pub(crate) fn remove(&mut self, id: ExchangeId) -> Option<Box<T>> {
        let value = self.take(id)?;
        self.free.push(id.place);
        Some(value)
    }

    /// Iterates over all values but the one that a callback works on.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.value.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: RequestId = RequestId([1; 16]);
    const SECOND: RequestId = RequestId([2; 16]);

    #[test]
    fn a_value_is_absent_while_it_is_taken() {
        let mut table = Table::new();
        let id = table.reserve(FIRST).unwrap();
        table.put(id, Box::new("first"));
        let taken = table.take(id).unwrap();
        assert_eq!((table.take(id), table.iter().count()), (None, 0));
        table.put(id, taken);
        assert_eq!(table.take(id).as_deref(), Some(&"first"));
    }

    #[test]
    fn a_place_is_used_again_and_old_ids_find_nothing() {
        let mut table = Table::new();
        let old = table.reserve(FIRST).unwrap();
        table.put(old, Box::new("first"));
        assert!(table.remove(old).is_some() && table.remove(old).is_none());
        let new = table.reserve(SECOND).unwrap();
        table.put(new, Box::new("second"));
        assert_eq!((new.place, table.places.len(), table.free.len()), (old.place, 1, 0));
        table.put(old, Box::new("late"));
        assert_eq!((table.take(old), table.take(new).as_deref()), (None, Some(&"second")));
    }
}

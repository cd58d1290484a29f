//! The exchanges of this worker, where the contexts of a request find its gate: the one in the listener, and the attempts.
//!
//! An exchange is out of the table while a callback works on it. So nothing is borrowed while the host is called. Should a
//! host call back meanwhile, that callback does not find the exchange, and lets nothing pass.

use crate::exchange::Exchange;
use crate::exchange_id::ExchangeId;
use crate::table::Table;
use headgate_policy::Timestamp;
use std::cell::RefCell;

thread_local! {
    static EXCHANGES: RefCell<Table<Exchange>> = const { RefCell::new(Table::new()) };
}

fn with_table<T>(act: impl FnOnce(&mut Table<Exchange>) -> T) -> Option<T> {
    EXCHANGES.with(|table| table.try_borrow_mut().ok().map(|mut table| act(&mut table)))
}

/// Adds an exchange, and tells it its id.
pub(crate) fn add(exchange: Exchange) -> Option<ExchangeId> {
    let mut exchange = Box::new(exchange);
    let id = with_table(|table| table.reserve(exchange.gate.id())).flatten()?;
    exchange.id = Some(id);
    with_table(|table| table.put(id, exchange))?;
    Some(id)
}

/// An exchange out of the table. It goes back there also if a callback ends by a panic, on a host that survives one: its record is still to
/// be written.
struct Taken {
    id: ExchangeId,
    exchange: Option<Box<Exchange>>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            with_table(|table| table.put(self.id, exchange));
        }
    }
}

/// Runs `act` on an exchange. `None` if it is over.
pub(crate) fn with_exchange<T>(id: ExchangeId, act: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
    let exchange = with_table(|table| table.take(id)).flatten()?;
    let mut taken = Taken { id, exchange: Some(exchange) };
    taken.exchange.as_deref_mut().map(act)
}

/// Removes an exchange. Its attempts do not find it any more.
pub(crate) fn remove(id: ExchangeId) -> Option<Box<Exchange>> {
    with_table(|table| table.remove(id)).flatten()
}

/// Returns the exchanges with a try that is overdue, and the contexts of their gates.
pub(crate) fn overdue(now: Timestamp) -> Vec<(ExchangeId, u32)> {
    with_table(|table| {
        let overdue = table.iter().filter(|exchange| exchange.gate.call().is_overdue(now));
        overdue.filter_map(|exchange| Some((exchange.id?, exchange.context))).collect()
    })
    .unwrap_or_default()
}

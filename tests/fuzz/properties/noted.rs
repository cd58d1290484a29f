//! Compares the walk over a body whose strings the scan has noted with the walk that reads them itself: the same texts, in the same
//! order, with the same places, and the same tools and counts.

use headgate_exchange::{
    BodyItem, RequestScan, StringSpans, Surface, Texts, scan_request_and_strings, visit_request, visit_scanned_request,
};

/// Checks a body in which the scan has found this.
pub(super) fn noted(surface: Surface, scan: &RequestScan, body: &[u8]) {
    let (again, strings) = scan_request_and_strings(surface, body).unwrap();
    assert_eq!(&again, scan);
    let reads = told(|sink| visit_request(body, sink));
    let none = StringSpans::default();
    for strings in [&strings, &none] {
        assert_eq!(told(|sink| visit_scanned_request(body, strings, sink)), reads);
    }
}

/// Returns everything that a walk tells.
fn told<'a>(walk: impl FnOnce(&mut dyn FnMut(BodyItem<'a>)) -> Option<Texts<'a>>) -> String {
    let mut items = String::new();
    let found = walk(&mut |item| {
        if let BodyItem::Text(text) = &item {
            items += &format!("{:?}\n", text.unescaped_bytes());
        }
        items += &format!("{item:?}\n");
    });
    format!("{items}{found:?}")
}

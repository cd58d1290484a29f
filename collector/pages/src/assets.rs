//! Style sheet and scripts. They are part of the program, so a page loads nothing from elsewhere.

use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file that pages load.
#[derive(Debug)]
pub struct Asset {
    /// The last part of its path: the name with a hash of the content, so that browsers may keep it forever.
    pub name: String,
    /// Media type.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

/// The folder of the assets in URLs.
pub const FOLDER: &str = "/assets/";

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("pages", "css", "text/css; charset=utf-8", include_bytes!("../assets/pages.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("pages", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/pages.js")));
static HTMX: LazyLock<Asset> = LazyLock::new(|| {
    asset("htmx", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/htmx-2.0.11.min.js"))
});
static DRAFT: LazyLock<Asset> =
    LazyLock::new(|| asset("draft", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/draft.js")));
static COMPLETE: LazyLock<Asset> = LazyLock::new(|| {
    asset("complete", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/complete.js"))
});
static VIEWS: LazyLock<Asset> =
    LazyLock::new(|| asset("views", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/views.js")));
static ICON: LazyLock<Asset> =
    LazyLock::new(|| asset("icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg")));

fn asset(name: &str, end: &str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let hash: String = Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Asset { name: format!("{name}-{hash}.{end}"), content_type, bytes }
}

/// Returns the asset of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*HTMX, &*DRAFT, &*COMPLETE, &*VIEWS, &*ICON].into_iter().find(|asset| asset.name == name)
}

pub(crate) fn style() -> String {
    path(&STYLE)
}

pub(crate) fn script() -> String {
    path(&SCRIPT)
}

pub(crate) fn htmx() -> String {
    path(&HTMX)
}

/// Returns the path of the script that drafts keys. It is loaded where there is a form for them.
pub(crate) fn draft() -> String {
    path(&DRAFT)
}

/// Returns the path of the script that completes searches. It is loaded where there is a search to complete.
pub(crate) fn complete() -> String {
    path(&COMPLETE)
}

/// Returns the path of the script that keeps named views. It is loaded where there is a menu for them.
pub(crate) fn views() -> String {
    path(&VIEWS)
}

pub(crate) fn icon() -> String {
    path(&ICON)
}

fn path(asset: &Asset) -> String {
    format!("{FOLDER}{}", asset.name)
}

#[cfg(test)]
mod tests {
    use super::{HTMX, SCRIPT, STYLE, find};

    #[test]
    fn assets_are_small_and_found_by_name() {
        assert!(
            STYLE.bytes.len() <= 25_000 && SCRIPT.bytes.len() <= 12_000,
            "{} {}",
            STYLE.bytes.len(),
            SCRIPT.bytes.len()
        );
        assert_eq!(find(&HTMX.name).map(|asset| asset.bytes.len()), Some(52_182));
        assert!(find("pages.css").is_none());
    }
}

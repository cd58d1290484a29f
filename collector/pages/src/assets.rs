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
    /// Whether the content is compressed with gzip.
    pub gzip: bool,
    /// Whether it is a script that compiles WebAssembly.
    pub compiles: bool,
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
static TRY: LazyLock<Asset> = LazyLock::new(|| asset("try", "js", SCRIPT_TYPE, TRY_PARTS.as_bytes()));
static TRY_STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("try", "css", "text/css; charset=utf-8", include_bytes!("../assets/try/try.css")));
static TRY_WORKER: LazyLock<Asset> = LazyLock::new(|| Asset {
    compiles: true,
    ..asset("try-worker", "js", SCRIPT_TYPE, include_bytes!("../assets/try/worker.js"))
});
static EDITOR: LazyLock<Asset> =
    LazyLock::new(|| asset("codemirror", "js", SCRIPT_TYPE, include_bytes!("../assets/try/codemirror.js")));
static PLAYGROUND: LazyLock<Asset> =
    LazyLock::new(|| asset("playground", "js", SCRIPT_TYPE, PLAYGROUND_PARTS.as_bytes()));
/// The module that tries a policy, and its script, if they were there when this program was built.
static TRYOUT: LazyLock<Option<[Asset; 2]>> = LazyLock::new(|| {
    let (script, module) = BUILT?;
    let module = Asset { gzip: true, ..asset("tryout", "wasm", "application/wasm", module) };
    Some([asset("tryout", "js", SCRIPT_TYPE, script), module])
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| asset("icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg")));

const SCRIPT_TYPE: &str = "text/javascript; charset=utf-8";
/// The script and the module as the build script found them.
const BUILT: Option<(&[u8], &[u8])> = include!(concat!(env!("OUT_DIR"), "/tryout.rs"));
/// The script of the page that tries a policy: one module in several files.
const TRY_PARTS: &str = concat!(
    include_str!("../assets/try/dom.js"),
    include_str!("../assets/try/editor.js"),
    include_str!("../assets/try/schema.js"),
    include_str!("../assets/try/request.js"),
    include_str!("../assets/try/imported.js"),
    include_str!("../assets/try/timeline.js"),
    include_str!("../assets/try/result.js"),
    include_str!("../assets/try/replay.js"),
    include_str!("../assets/try/main.js"),
);

const PLAYGROUND_PARTS: &str = concat!(include_str!("../assets/try/dom.js"), include_str!("../assets/playground.js"));

fn asset(name: &str, end: &str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let hash: String = Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Asset { name: format!("{name}-{hash}.{end}"), content_type, bytes, gzip: false, compiles: false }
}

/// Returns the asset of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    let own = [
        &*STYLE,
        &*SCRIPT,
        &*HTMX,
        &*DRAFT,
        &*COMPLETE,
        &*VIEWS,
        &*ICON,
        &*TRY,
        &*TRY_STYLE,
        &*TRY_WORKER,
        &*PLAYGROUND,
        &*EDITOR,
    ];
    own.into_iter().chain(TRYOUT.iter().flatten()).find(|asset| asset.name == name)
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

/// Returns the paths of the style sheet, the script, the worker and the editor of the page that tries a policy.
pub(crate) fn try_page() -> [String; 4] {
    [path(&TRY_STYLE), path(&TRY), path(&TRY_WORKER), path(&EDITOR)]
}

/// Returns the paths of the style sheet and the script of the playground.
pub(crate) fn playground() -> [String; 2] {
    [path(&TRY_STYLE), path(&PLAYGROUND)]
}

/// Returns the paths of the module that tries a policy: its script, and the WebAssembly; none if it was not built.
pub(crate) fn tryout() -> Option<[String; 2]> {
    TRYOUT.as_ref().map(|[script, module]| [path(script), path(module)])
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

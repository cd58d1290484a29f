//! Renders how the proxy shows the filter's metrics: their labels, and the buckets of their histograms.
//!
//! It is part of the bootstrap, which a running proxy never reads again. So it is there whether the policy has metrics on or
//! not, and turning them on needs no restart.

use super::xds::{Module, RenderOptions};
use headgate_metrics::{Family, Kind, label_pattern, labels};
use serde_json::{Value, json};

/// Namespace that Envoy puts before the names of a filter's metrics.
const NAMESPACE: &str = "wasmcustom";

/// The same of a dynamic module's. It tells Envoy the labels by itself.
pub(super) const NATIVE_NAMESPACE: &str = "dynamicmodulescustom";

/// Returns the setting of Envoy by which the metrics of a dynamic module have the names that they have of headgate.wasm.
pub(super) fn runtime() -> Value {
    let layer = json!({"envoy.reloadable_features.dynamic_modules_strip_custom_stat_prefix": true});
    json!({"layers": [{"name": "headgate", "static_layer": layer}]})
}

pub(super) fn config(options: &RenderOptions) -> Value {
    let (namespace, labels) = match options.module {
        Module::Wasm(_) => (NAMESPACE, labels()),
        Module::Native(_) => (NATIVE_NAMESPACE, Vec::new()),
    };
    let tags: Vec<Value> =
        labels.into_iter().map(|label| json!({"tag_name": label, "regex": label_pattern(label)})).collect();
    let histograms = Family::ALL.into_iter().filter(|family| family.kind() == Kind::Histogram);
    let buckets: Vec<Value> = histograms
        .map(
            |family| json!({"match": {"prefix": format!("{namespace}.{}", family.name())}, "buckets": family.buckets()}),
        )
        .collect();
    json!({"stats_tags": tags, "histogram_bucket_settings": buckets})
}

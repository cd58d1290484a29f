//! The name of this proxy, as Envoy was given it: the ABI does not tell.

use serde_json::Value;

/// Largest bootstrap that is read.
const MAX_BOOTSTRAP: usize = 16 << 20;

/// Returns the id of the node: from the command line, else from the bootstrap.
pub(crate) fn name() -> Option<String> {
    let line = std::fs::read("/proc/self/cmdline").ok()?;
    let words: Vec<&str> = line.split(|byte| *byte == 0).filter_map(|word| std::str::from_utf8(word).ok()).collect();
    if let Some(name) = option(&words, &["--service-node"]) {
        return Some(name.to_owned());
    }
    let text = std::fs::read_to_string(option(&words, &["-c", "--config-path"])?).ok()?;
    if text.len() > MAX_BOOTSTRAP {
        return None;
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(bootstrap) => Some(bootstrap.pointer("/node/id")?.as_str()?.to_owned()),
        Err(_) => in_yaml(&text),
    }
}

fn option<'a>(words: &[&'a str], names: &[&str]) -> Option<&'a str> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
        if names.contains(&name) {
            return value.or_else(|| words.next().copied());
        }
    }
    None
}

/// Reads `id` of a block `node:` at the top. Other notations of YAML are not known here; `--service-node` serves for them.
fn in_yaml(text: &str) -> Option<String> {
    let mut block = text.lines().skip_while(|line| line.trim_end() != "node:").skip(1);
    let id = block.by_ref().take_while(|line| line.starts_with([' ', '#']) || line.is_empty());
    let id = id.filter_map(|line| line.trim().strip_prefix("id:")).next()?;
    Some(id.trim().trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{in_yaml, option};

    #[test]
    fn the_command_line_has_both_notations() {
        assert_eq!(option(&["envoy", "--service-node", "a"], &["--service-node"]), Some("a"));
        assert_eq!(option(&["envoy", "--service-node=a"], &["--service-node"]), Some("a"));
        assert_eq!(option(&["envoy", "-c"], &["-c"]), None);
    }

    #[test]
    fn a_bootstrap_in_yaml_names_the_node() {
        let text = "admin:\n  id: no\nnode:\n  # a comment\n  cluster: c\n  id: \"edge-1\"\nstatic_resources: {}\n";
        assert_eq!(in_yaml(text).as_deref(), Some("edge-1"));
        assert_eq!(in_yaml("node:\n  cluster: c\nother:\n  id: no\n"), None);
    }
}

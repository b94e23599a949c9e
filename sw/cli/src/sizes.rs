// SPDX-License-Identifier: Apache-2.0
//! `--config`: a name, a name with sizes that differ, or a file of one's own.

use anyhow::{Context, Result, bail};
use systole_isa::Config;
use systole_isa::config::CONFIGS;
use systole_isa::ecc::Ecc;

/// How `--config` is written.
pub fn help() -> String {
    let names = CONFIGS.map(|c| c.name).join(", ");
    format!("Configuration: {names}; with sizes that differ (small,POST_LANES=2); or F.toml")
}

/// The configuration that `text` says: what [`Config::named`] takes, or a TOML file with `base = "NAME"` and sizes.
///
/// # Errors
/// A file that cannot be read or holds something else; what [`Config::named`] says.
pub fn configuration(text: &str, beats: Option<u32>, ecc: Option<Ecc>) -> Result<Config> {
    let own = if text.ends_with(".toml") { Some(from_file(text)?) } else { None };
    let mut config = Config::named(own.as_deref().unwrap_or(text)).with_context(|| format!("--config {text}"))?;
    let text = own.as_deref().unwrap_or(text).to_uppercase();
    let twice = |name: &str, differs: bool| text.contains(&format!("{name}=")) && differs;
    if twice("WEIGHT_BEATS", beats.is_some_and(|b| b != config.weight_beats))
        || twice("ECC", ecc.is_some_and(|e| e != config.ecc))
    {
        bail!("--config says another WEIGHT_BEATS or ECC than --weight-beats or --ecc: leave one of them out");
    }
    if let Some(beats) = beats {
        config = config.with_weight_beats(beats)?;
    }
    if let Some(ecc) = ecc {
        config = config.with_ecc(ecc);
    }
    config.check()?;
    Ok(config)
}

/// `NAME,SIZE=VALUE,..` of a file.
fn from_file(path: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let table: toml::Table = text.parse().with_context(|| format!("{path} is no TOML"))?;
    let Some(base) = table.get("base").and_then(toml::Value::as_str) else {
        bail!("{path}: needs base = \"NAME\", the named configuration whose sizes stand where the file has none");
    };
    let mut all = base.to_string();
    for (name, value) in table.iter().filter(|(name, _)| *name != "base") {
        let Some(value) = value.as_integer() else {
            bail!("{path}: {name} is of type {}; sizes are whole numbers, as POST_LANES = 2", value.type_str());
        };
        all.push_str(&format!(",{name}={value}"));
    }
    Ok(all)
}

//! The programs that the harness starts; `scripts/set-up` says where they are.

use anyhow::{Context, Result};
use std::path::PathBuf;

/// Paths of what is not part of the harness itself.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The `local-aws` binary.
    pub local_aws: PathBuf,
    /// The `ministack` executable.
    pub ministack: PathBuf,
    /// PostgreSQL's `bin` folder.
    pub postgres_bin: PathBuf,
    /// The folder `usr` of MariaDB; none on a machine that has none.
    pub mariadb: Option<PathBuf>,
    /// `libnss_wrapper.so`; none where DB instances have addresses in place of names.
    pub nss_wrapper: Option<PathBuf>,
    /// The folder with one zip a function.
    pub lambdas: PathBuf,
    /// The root of the checkout.
    pub checkout: PathBuf,
}

impl Tools {
    /// Reads the paths from the environment.
    pub fn from_environment() -> Result<Self> {
        let path = |variable: &str| {
            let value = std::env::var_os(variable);
            let value = value
                .with_context(|| format!("{variable} is not set: run scripts/test or scripts/rehearse"))?;
            Ok::<_, anyhow::Error>(PathBuf::from(value))
        };
        Ok(Self {
            local_aws: path("SNAPFERRY_LOCAL_AWS")?,
            ministack: path("SNAPFERRY_MINISTACK")?,
            postgres_bin: path("SNAPFERRY_POSTGRES_BIN")?,
            mariadb: path("SNAPFERRY_MARIADB").ok().filter(|it| !it.as_os_str().is_empty()),
            nss_wrapper: Some(path("SNAPFERRY_NSS_WRAPPER")?).filter(|it| !it.as_os_str().is_empty()),
            lambdas: path("SNAPFERRY_LAMBDAS")?,
            checkout: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."),
        })
    }
}

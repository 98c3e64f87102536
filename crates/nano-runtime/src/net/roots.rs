//! Whom apps' connections trust.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Mozilla's certificate authorities and, maybe, others of the operator's. Apps share them.
#[derive(Default)]
pub struct Roots {
    extra: Vec<CertificateDer<'static>>,
    /// Made for the first fetch.
    store: OnceLock<Arc<RootCertStore>>,
}

impl Roots {
    /// Mozilla's authorities and those of these certificates, in DER.
    pub fn with_extra(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let extra = certificates.into_iter().map(CertificateDer::from).collect();
        Self { extra, store: OnceLock::new() }
    }

    pub(super) fn store(&self) -> Arc<RootCertStore> {
        let make = || {
            let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            let (_, refused) = store.add_parsable_certificates(self.extra.iter().cloned());
            if refused > 0 {
                tracing::error!(refused, "certificates that cannot be an authority's are not trusted");
            }
            Arc::new(store)
        };
        Arc::clone(self.store.get_or_init(make))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("extra", &self.extra.len()).finish_non_exhaustive()
    }
}

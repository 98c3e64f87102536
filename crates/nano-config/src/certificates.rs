//! Files of certificates: PEM (RFC 7468), with whatever there is between its blocks.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::Certificate;
use crate::decode::quoted;
use crate::document::read_bounded;
use crate::text::Problem;

/// What an editor shows of such a file.
const LOOK: &str = "it has to hold certificates in PEM: blocks that begin with -----BEGIN CERTIFICATE-----";

/// The certificates of a file, and what is wrong with it.
pub(crate) fn read(file: &Path) -> (Vec<Certificate>, Vec<Problem>) {
    let name = quoted(&file.to_string_lossy());
    let bytes = match read_bounded(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            let help = "paths are relative to the folder of this file";
            return (Vec::new(), vec![Problem::new(format!("cannot read {name}: {error}"), help)]);
        }
    };
    let (mut certificates, mut problems) = (Vec::new(), Vec::new());
    for (index, certificate) in CertificateDer::pem_slice_iter(&bytes).enumerate() {
        let number = index + 1;
        let Ok(certificate) = certificate else {
            problems.push(Problem::new(format!("certificate {number} of {name} is not valid PEM"), LOOK));
            break;
        };
        if webpki::anchor_from_trusted_cert(&certificate).is_err() {
            let message = format!("certificate {number} of {name} is no X.509 certificate");
            problems.push(Problem::new(message, "`openssl x509 -text` shows what is in a certificate"));
        } else {
            certificates.push(Certificate(certificate.to_vec()));
        }
    }
    if certificates.is_empty() && problems.is_empty() {
        // The first byte of a certificate in DER.
        let is_der = bytes.first() == Some(&0x30);
        let help = if is_der { "`openssl x509 -inform der` makes PEM of a certificate in DER" } else { LOOK };
        problems.push(Problem::new(format!("there is no certificate in {name}"), help));
    }
    (certificates, problems)
}

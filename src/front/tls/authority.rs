//! The authority that vouches for this server's certificates: made once for a data dir, and of use for names of this
//! machine and of AWS alone, whoever got hold of its key.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};

use super::error::TlsError;
use crate::front::guard::hosts;
use crate::model::time::{Timestamp, civil_date};

/// Folder of a data dir that holds it.
pub const FOLDER: &str = "tls";

/// Its certificate, for those who are to trust it.
pub const CERTIFICATE: &str = "ca.pem";

/// Its key.
const KEY: &str = "ca.key";

/// Years from and to which it holds: a machine's clock may be off.
const HOLDS: (i32, i32) = (2020, 2050);

/// Days that a certificate of the server's holds. Browsers of some systems take none that hold longer than two years.
const LEAF_DAYS: u64 = 397;

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// The certificate in PEM.
    pub text: String,
}

impl Authority {
    /// That of a data dir, made where it has none.
    pub fn open(data_dir: &Path) -> Result<Self, TlsError> {
        let folder = data_dir.join(FOLDER);
        let failed = |source| TlsError::Io { path: folder.clone(), source };
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }

        // The certificate is written last: with it, all is there.
        if !folder.join(CERTIFICATE).exists() {
            let key = KeyPair::generate()?;
            let certificate = params(&key)?.self_signed(&key)?;
            write(&folder, KEY, &key.serialize_pem(), 0o600).map_err(failed)?;
            write(&folder, CERTIFICATE, &certificate.pem(), 0o644).map_err(failed)?;
        }
        let key = fs::read_to_string(folder.join(KEY)).map_err(failed)?;
        let key = KeyPair::from_pem(&key)?;
        let text = fs::read_to_string(folder.join(CERTIFICATE)).map_err(failed)?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes());
        let certificate = certificate
            .map_err(|error| TlsError::Unusable { path: folder.join(CERTIFICATE), reason: error.to_string() })?;

        Ok(Self { issuer: Issuer::new(params(&key)?, key), certificate, text })
    }

    /// A certificate for names and addresses, with its chain and its key.
    pub fn vouch_for(
        &self,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "Larder");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let days = now.0 / 86_400_000;
        let day = |days| {
            let (year, month, day) = civil_date(days);
            let part = |number: u64| u8::try_from(number).unwrap_or(1);
            rcgen::date_time_ymd(i32::try_from(year).unwrap_or(HOLDS.1), part(month), part(day))
        };
        params.not_before = day(days.saturating_sub(1));
        params.not_after = day(days + LEAF_DAYS);
        let leaf = params.signed_by(&key, &self.issuer)?;

        let chain = vec![leaf.der().clone(), self.certificate.clone()];
        Ok((chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }
}

impl std::fmt::Debug for Authority {
    /// Leaves the key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(…)")
    }
}

/// What an authority says of itself: all of it follows from its key.
fn params(key: &KeyPair) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(Vec::new())?;
    let digest = Sha256::digest(key.subject_public_key_info());
    let id = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    params.distinguished_name.push(DnType::CommonName, format!("Larder of this machine, {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(HOLDS.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(HOLDS.1, 1, 1);

    let names = hosts::OURS.into_iter().chain(hosts::AWS).map(|name| GeneralSubtree::DnsName(name.to_owned()));
    let v4 = CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0]);
    let v6 = CidrSubnet::V6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [255; 16]);
    let addresses = [v4, v6].map(GeneralSubtree::IpAddress);
    let permitted_subtrees = names.chain(addresses).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    Ok(params)
}

/// Writes a file, whole or not at all.
fn write(folder: &Path, name: &str, text: &str, mode: u32) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}

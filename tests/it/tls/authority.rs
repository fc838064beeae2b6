//! An authority that certifies services, and the folders in which they find their certificates.

use std::{fs, path::Path};

use chatroom_tests::Part;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// The parts that have certificates.
pub(super) const CERTIFIED: [Part; 5] = [Part::User, Part::Merchant, Part::Group, Part::File, Part::Gateway];

/// An authority.
pub(super) struct Authority {
    /// Its own certificate (PEM).
    pub(super) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What somebody proves themself with (PEM).
pub(super) struct Proof {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// A new authority, called `name`.
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("an authority certifies itself").pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Certifies somebody by the names `names`.
    pub(super) fn certify(&self, names: &[&str]) -> Proof {
        let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let params = CertificateParams::new(names).expect("names can be certified");
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("an authority certifies others").pem();
        Proof { certificate, key: key.serialize_pem() }
    }
}

/// The folders of all services.
pub(super) struct Folders(TempDir);

impl Folders {
    /// Folders with certificates of `authority`'s, which everybody believes.
    pub(super) fn of(authority: &Authority) -> Self {
        let folders = Self(tempfile::tempdir().expect("a folder can be made"));
        for part in CERTIFIED {
            fs::create_dir(folders.path().join(part.name())).expect("a folder can be made");
        }
        folders.renew(authority, &[authority]);
        folders
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives every service a new certificate of `authority`'s, and lets it believe `believed`.
    pub(super) fn renew(&self, authority: &Authority, believed: &[&Authority]) {
        for part in CERTIFIED {
            // Services are found by their addresses here.
            self.put(part, &authority.certify(&[part.name(), "127.0.0.1"]), believed);
        }
    }

    /// Gives one service a certificate.
    pub(super) fn put(&self, part: Part, proof: &Proof, believed: &[&Authority]) {
        let believed = believed.iter().map(|authority| authority.certificate.as_str()).collect::<String>();
        for (name, text) in [("ca.crt", &believed), ("tls.crt", &proof.certificate), ("tls.key", &proof.key)] {
            fs::write(self.path().join(part.name()).join(name), text).expect("a file can be written");
        }
    }
}

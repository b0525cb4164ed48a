//! Names, and the addresses to which they lead: a file of hosts for each VPC, and one for everybody else.
//!
//! On AWS the resolver of a VPC answers with the VPC's private zones first. Here each VPC has a view: a file in the format
//! of `/etc/hosts`, `<data dir>/names/<VPC>`. Outside every VPC the view `default` holds.
//!
//! A file is replaced, never rewritten: `libnss-wrapper` reads a file again at the next look-up once it was replaced, but
//! once it was rewritten only if its time of modification is another second.

pub mod view;
pub mod zones;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Mutex,
};

use self::view::{Zone, resolve, view};
use crate::lock;

/// The view outside every VPC.
const DEFAULT: &str = "default";

/// All names of this local AWS.
pub struct Names {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The names that lead to the same address everywhere: those that AWS itself gives.
    addresses: BTreeMap<String, Ipv4Addr>,
    /// The private zones of each account.
    zones: BTreeMap<String, Vec<Zone>>,
    /// The VPCs whose views are asked for.
    vpcs: BTreeSet<String>,
}

impl Names {
    /// No names yet. Their files go into `folder`.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let names = Self { folder: folder.to_path_buf(), known: Mutex::default() };
        replace(&names.folder, DEFAULT, &BTreeMap::new())?;
        Ok(names)
    }

    /// Leads a name to an address, from the next look-up on.
    pub fn set(&self, name: &str, address: Ipv4Addr) {
        self.change(|known| known.addresses.insert(name.to_lowercase(), address) != Some(address));
    }

    /// Forgets a name.
    pub fn remove(&self, name: &str) {
        self.change(|known| known.addresses.remove(&name.to_lowercase()).is_some());
    }

    /// Replaces the private zones of an account.
    pub fn set_zones(&self, account_id: &str, zones: Vec<Zone>) {
        self.change(|known| {
            let zones = Some(zones).filter(|zones| !zones.is_empty());
            let before = match zones.clone() {
                Some(zones) => known.zones.insert(account_id.to_owned(), zones),
                None => known.zones.remove(account_id),
            };
            before != zones
        });
    }

    /// Where a name leads in a VPC, or outside every VPC.
    pub fn resolve(&self, vpc_id: Option<&str>, name: &str) -> Option<Ipv4Addr> {
        let known = lock(&self.known);
        resolve(&name.to_lowercase(), &known.addresses, &known.zones_of(vpc_id))
    }

    /// The file with the view of a VPC, or with the one outside every VPC. It follows every change from now on.
    pub fn file(&self, vpc_id: Option<&str>) -> io::Result<PathBuf> {
        let Some(vpc_id) = vpc_id else { return Ok(self.folder.join(DEFAULT)) };
        if !vpc_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{vpc_id} is no VPC")));
        }
        let mut known = lock(&self.known);
        if known.vpcs.insert(vpc_id.to_owned()) {
            replace(&self.folder, vpc_id, &view(&known.addresses, &known.zones_of(Some(vpc_id))))?;
        }
        Ok(self.folder.join(vpc_id))
    }

    /// Changes what is known, and writes every view if something changed.
    fn change(&self, change: impl FnOnce(&mut Known) -> bool) {
        let mut known = lock(&self.known);
        if !change(&mut known) {
            return;
        }
        let vpcs = known.vpcs.iter().map(|it| (it.as_str(), Some(it.as_str())));
        for (name, vpc_id) in vpcs.chain([(DEFAULT, None)]) {
            let view = view(&known.addresses, &known.zones_of(vpc_id));
            if let Err(error) = replace(&self.folder, name, &view) {
                tracing::error!("cannot write the names of {name}: {error}");
            }
        }
    }
}

impl Known {
    /// The private zones that a VPC sees. Outside every VPC nobody sees one.
    fn zones_of(&self, vpc_id: Option<&str>) -> Vec<&Zone> {
        let sees = |zone: &&Zone| vpc_id.is_some_and(|id| zone.vpc_ids.iter().any(|it| it == id));
        self.zones.values().flatten().filter(sees).collect()
    }
}

/// Puts a whole new file in the place of a view's.
fn replace(folder: &Path, name: &str, view: &BTreeMap<String, Ipv4Addr>) -> io::Result<()> {
    let mut text = String::new();
    for (name, address) in view {
        let _ = writeln!(text, "{address} {name}");
    }
    let new = folder.join(format!(".{name}"));
    fs::write(&new, text)?;
    fs::rename(new, folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::{
        view::{Record, Target},
        *,
    };

    const NAME: &str = "orders.abcdefghijkl.eu-central-1.rds.amazonaws.com";
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 1, 2, 3);
    const OTHER: Ipv4Addr = Ipv4Addr::new(127, 9, 9, 9);

    fn everything_leads_to(address: Ipv4Addr) -> Zone {
        let record = Record {
            name: "*.abcdefghijkl.eu-central-1.rds.amazonaws.com".to_owned(),
            target: Target::Address(address),
        };
        Zone {
            domain: "abcdefghijkl.eu-central-1.rds.amazonaws.com".to_owned(),
            vpc_ids: vec!["vpc-1".to_owned()],
            records: vec![record],
        }
    }

    #[test]
    fn every_view_follows_a_change_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let names = Names::open(folder.path()).unwrap();
        let read = |vpc_id: Option<&str>| fs::read_to_string(names.file(vpc_id).unwrap()).unwrap();
        assert_eq!((read(None), read(Some("vpc-1"))), Default::default());
        names.set(&NAME.to_uppercase(), ADDRESS);
        let line = format!("{ADDRESS} {NAME}\n");
        assert_eq!((read(None), read(Some("vpc-1"))), (line.clone(), line.clone()));
        names.set_zones("111111111111", vec![everything_leads_to(OTHER)]);
        assert_eq!((read(None), read(Some("vpc-1"))), (line.clone(), format!("{OTHER} {NAME}\n")));
        assert_eq!(names.resolve(None, NAME), Some(ADDRESS));
        assert_eq!(names.resolve(Some("vpc-1"), NAME), Some(OTHER));
        assert_eq!(names.resolve(Some("vpc-2"), NAME), Some(ADDRESS));
        assert_eq!(read(Some("vpc-2")), line);
        names.set_zones("111111111111", vec![]);
        names.remove(NAME);
        assert_eq!((read(None), read(Some("vpc-1"))), Default::default());
        assert_eq!(names.resolve(Some("vpc-1"), NAME), None);
    }

    // A process that has the file open sees the change only if the file is another one now.
    #[test]
    fn a_file_is_replaced_and_not_rewritten() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let names = Names::open(folder.path()).unwrap();
        let open = fs::File::open(names.file(None).unwrap()).unwrap();
        names.set(NAME, ADDRESS);
        assert_eq!(open.metadata().unwrap().nlink(), 0);
    }

    #[test]
    fn a_view_stays_below_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let names = Names::open(folder.path()).unwrap();
        for wrong in ["../default", "/etc/hosts", "a b"] {
            names.file(Some(wrong)).unwrap_err();
        }
    }
}

//! Where a budget comes from: the smallest of what the system and the environment set.

use super::Short;
use super::cgroup::{Group, Limited};
use std::fs;
use std::path::{Path, PathBuf};

/// What bounds the memory; `lib/ffi/memory.ts` has the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Source {
    /// The system refused by itself.
    System,
    Environment,
    Device,
    ControlGroup,
    Available,
    AddressSpace,
    DataSegment,
    /// A test had it refused.
    Injected,
}

impl Source {
    /// What goes on after "a budget of so many bytes".
    pub fn words(self) -> &'static str {
        match self {
            Source::System => "the system refused more",
            Source::Environment => "LIBTRAIN_MEMORY",
            Source::Device => "the device's option `memory`",
            Source::ControlGroup => "the limit of the control group",
            Source::Available => "the machine's available memory",
            Source::AddressSpace => "the limit of the address space",
            Source::DataSegment => "the limit of the data segment",
            Source::Injected => "refused by a test",
        }
    }
}

/// What the library has from the system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Bytes mapped.
    pub held: u64,
    /// Bytes of them that count as used.
    pub touched: u64,
}

/// Bytes that are left to JavaScript and the rest: a sixteenth of a limit, within these.
const LEAST_MARGIN: u64 = 32 << 20;
const MOST_MARGIN: u64 = 512 << 20;

fn margin(limit: u64) -> u64 {
    (limit / 16).clamp(LEAST_MARGIN, MOST_MARGIN)
}

/// What is asked whenever memory is taken.
pub(super) struct Sources {
    root: PathBuf,
    /// LIBTRAIN_MEMORY, which is what the library may hold by itself.
    own: Option<u64>,
    groups: Vec<Group>,
    /// Limits that the process has had from its start, bytes.
    address_space: Option<u64>,
    data_segment: Option<u64>,
}

impl Sources {
    /// Looks for all under `root`, which is `/` but in tests.
    pub(super) fn find(root: &Path, own: Option<String>) -> Sources {
        let own = own.and_then(|text| parse_bytes(&text));
        Sources {
            root: root.to_path_buf(),
            own,
            groups: Group::all(root),
            address_space: resource_limit(Resource::AddressSpace),
            data_segment: resource_limit(Resource::Data),
        }
    }

    /// What may be held in all.
    pub(super) fn measure(&self, load: Load) -> Short {
        let own = self.own.map(|bytes| (bytes, Source::Environment));
        let groups =
            self.groups.iter().filter_map(Group::limited).map(|group| (of_group(group, load), Source::ControlGroup));
        let system = [
            (self.available(load), Source::Available),
            (self.mappable(self.address_space, 0, load), Source::AddressSpace),
            (self.mappable(self.data_segment, 5, load), Source::DataSegment),
        ];
        let system = system.into_iter().filter_map(|(budget, source)| Some((budget?, source)));
        let (budget, source) = own
            .into_iter()
            .chain(groups)
            .chain(system)
            .min_by_key(|(budget, _)| *budget)
            .unwrap_or((u64::MAX, Source::System));
        Short { budget, source }
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn available(&self, load: Load) -> Option<u64> {
        let text = self.read("proc/meminfo")?;
        let kib = |name| {
            text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<u64>().ok())
        };
        let available = kib("MemAvailable:")? << 10;
        let total = kib("MemTotal:").map_or(available, |kib| kib << 10);
        Some((load.touched + available).saturating_sub(margin(total)))
    }

    /// Bytes of pages: all that is mapped (field 0), or data and stack (field 5).
    fn mapped(&self, field: usize) -> Option<u64> {
        let pages = self.read("proc/self/statm")?.split_whitespace().nth(field)?.parse::<u64>().ok()?;
        Some(pages * page_bytes())
    }

    /// What a limit of mapped memory leaves, of which `field` of statm counts.
    fn mappable(&self, limit: Option<u64>, field: usize, load: Load) -> Option<u64> {
        let limit = limit?;
        Some(load.held + limit.saturating_sub(self.mapped(field)? + margin(limit)))
    }
}

/// What is left to the library of a group's limit: others use it too, JavaScript above all.
fn of_group(Limited { limit, used }: Limited, load: Load) -> u64 {
    limit.saturating_sub(margin(limit)).saturating_sub(used.saturating_sub(load.touched))
}

enum Resource {
    AddressSpace,
    Data,
}

#[cfg(unix)]
fn resource_limit(resource: Resource) -> Option<u64> {
    let resource = match resource {
        Resource::AddressSpace => libc::RLIMIT_AS,
        Resource::Data => libc::RLIMIT_DATA,
    };
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it writes to the struct alone.
    let done = unsafe { libc::getrlimit(resource, &raw mut limit) };
    #[allow(clippy::useless_conversion)]
    (done == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then(|| limit.rlim_cur.into())
}

#[cfg(not(unix))]
fn resource_limit(resource: Resource) -> Option<u64> {
    let (Resource::AddressSpace | Resource::Data) = resource;
    None
}

#[cfg(unix)]
fn page_bytes() -> u64 {
    // SAFETY: it only asks for a number.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

#[cfg(not(unix))]
fn page_bytes() -> u64 {
    4096
}

/// Bytes as a number, with K, M, G or T for powers of 1024, as in 500M; `None` for anything else, and for none.
pub(super) fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = match text.char_indices().next_back()? {
        (at, unit @ ('K' | 'M' | 'G' | 'T' | 'k' | 'm' | 'g' | 't')) => (&text[..at], unit.to_ascii_uppercase()),
        _ => (text, 'B'),
    };
    let power = "BKMGT".find(unit)? as u32;
    let unit = 1_u64 << (10 * power);
    if !number.starts_with(|first: char| first.is_ascii_digit()) || number.contains(['e', 'E']) {
        return None;
    }
    let bytes = number.parse::<f64>().ok().filter(|number| number.is_finite())? * unit as f64;
    (bytes >= 1.0 && bytes < (1_u64 << 60) as f64).then_some(bytes as u64)
}

#[cfg(test)]
pub(super) mod testing {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A folder that stands for `/`, removed in the end.
    pub struct Root(PathBuf);

    impl Root {
        pub fn new(files: &[(&str, &str)]) -> Root {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("libtrain-root-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let root = std::env::temp_dir().join(name);
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, text).expect("a file");
            }
            Root(root)
        }

        pub fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Root;
    use super::*;

    const MIB: u64 = 1 << 20;

    fn measured(files: &[(&str, &str)], own: Option<&str>, load: Load) -> (u64, Source) {
        let root = Root::new(files);
        let Short { budget, source } = Sources::find(root.path(), own.map(str::to_string)).measure(load);
        (budget, source)
    }

    #[test]
    fn bytes_are_numbers_with_units() {
        let known = [
            ("1", 1),
            ("4096", 4096),
            ("500M", 500 * MIB),
            ("2G", 2048 * MIB),
            ("1.5g", 1536 * MIB),
            (" 64k ", 65536),
            ("1T", MIB * MIB),
        ];
        for (text, bytes) in known {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "G", "0", "0M", "-1", "1e9", "1 000", "2GB", "inf", "nan", "NaN", "0x10", "999999999T", "é"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn the_smallest_counts_and_is_named() {
        let files = [
            ("proc/meminfo", "MemTotal:  2097152 kB\nMemFree: 1 kB\nMemAvailable:  1048576 kB\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/memory.max", &(512 * MIB).to_string()),
            ("sys/fs/cgroup/memory.current", &(200 * MIB).to_string()),
        ];
        let load = Load { held: 90 * MIB, touched: 50 * MIB };
        // Others use 150 MiB of the group's 512, and 32 are left to them.
        assert_eq!(measured(&files, None, load), (330 * MIB, Source::ControlGroup));
        assert_eq!(measured(&files, Some("100M"), load), (100 * MIB, Source::Environment));
        assert_eq!(measured(&files, Some("1G"), load), (330 * MIB, Source::ControlGroup));
        // A sixteenth of 2 GiB is left, and what is touched is no more available.
        assert_eq!(measured(&files[..1], None, load), ((50 + 1024 - 128) * MIB, Source::Available));
        assert_eq!(measured(&[], None, load), (u64::MAX, Source::System));
    }

    #[test]
    fn limits_of_what_is_mapped_count_what_was_mapped_before() {
        let pages = page_bytes();
        let files = [("proc/self/statm", "200000 9 9 9 0 50000 0\n")];
        let root = Root::new(&files);
        let mut sources = Sources { address_space: None, data_segment: None, ..Sources::find(root.path(), None) };
        let load = Load { held: 10 * MIB, touched: 0 };
        sources.address_space = Some(1024 * MIB + 200_000 * pages);
        let margin_of = |limit: u64| (limit / 16).clamp(32 * MIB, 512 * MIB);
        let left = (10 + 1024) * MIB - margin_of(1024 * MIB + 200_000 * pages);
        assert_eq!(sources.measure(load), Short { budget: left, source: Source::AddressSpace });
        sources.data_segment = Some(100 * MIB + 50_000 * pages);
        let left = 110 * MIB - margin_of(100 * MIB + 50_000 * pages);
        assert_eq!(sources.measure(load), Short { budget: left, source: Source::DataSegment });
        sources.data_segment = Some(MIB);
        assert_eq!(sources.measure(load).budget, 10 * MIB, "what is held stays so");
    }

    #[test]
    fn a_group_that_others_fill_leaves_nothing() {
        let full = Limited { limit: 100 * MIB, used: 100 * MIB };
        assert_eq!(of_group(full, Load { held: 0, touched: 0 }), 0);
        assert_eq!(of_group(full, Load { held: 90 * MIB, touched: 90 * MIB }), 58 * MIB);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_a_budget() {
        let Short { budget, .. } = Sources::find(Path::new("/"), None).measure(Load { held: 0, touched: 0 });
        assert!(budget > MIB && budget < 1 << 60, "{budget}");
    }
}

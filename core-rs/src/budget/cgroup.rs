//! Control groups with a limit of memory that this process is in, of both versions of Linux's interface.

use std::fs;
use std::path::{Path, PathBuf};

/// One group with its files.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A limit of a group, and what counts against it by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limited {
    pub limit: u64,
    /// Bytes that the system cannot take back by itself: file pages in its cache are left out.
    pub used: u64,
}

/// From here on a limit is none.
const UNLIMITED: u64 = 1 << 60;

impl Group {
    /// The process's own groups with those around them, under `root` for `/`.
    pub(super) fn all(root: &Path) -> Vec<Group> {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let (own, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
        mounts.lines().filter_map(mount).flat_map(|mount| mount.groups(root, &own)).collect()
    }

    /// `None` without a limit, and where the group is gone.
    pub(super) fn limited(&self) -> Option<Limited> {
        let number = |name| number(&fs::read_to_string(self.folder.join(name)).ok()?);
        let limit = match self.version {
            Version::One => number("memory.limit_in_bytes"),
            // Above `high` the group is slowed down until it hardly moves.
            Version::Two => number("memory.max").into_iter().chain(number("memory.high")).min(),
        };
        let limit = limit.filter(|&limit| limit < UNLIMITED)?;
        let stat = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        let (used, kept) = match self.version {
            Version::One => ("memory.usage_in_bytes", ["total_inactive_file", "total_active_file"].as_slice()),
            Version::Two => ("memory.current", ["inactive_file", "active_file", "slab_reclaimable"].as_slice()),
        };
        let kept = kept.iter().filter_map(|name| field(&stat, name)).sum();
        Some(Limited { limit, used: number(used)?.saturating_sub(kept) })
    }
}

/// A place where groups can be seen.
struct Mount<'a> {
    /// The group that is shown there: `/`, but for a container.
    shown: &'a str,
    at: &'a str,
    version: Version,
}

/// A line of mountinfo: `32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`.
fn mount(line: &str) -> Option<Mount<'_>> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (shown, at) = (place.next()?, place.next()?);
    let mut what = what.split(' ');
    let (kind, options) = (what.next()?, what.nth(1)?);
    let version = match kind {
        "cgroup" if options.split(',').any(|option| option == "memory") => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    Some(Mount { shown, at, version })
}

impl Mount<'_> {
    /// The process's group of this hierarchy, then those around it. `own` is /proc/self/cgroup, with lines as
    /// `4:memory:/group` and `0::/group`.
    fn groups(&self, root: &Path, own: &str) -> Vec<Group> {
        let path = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let mine = match self.version {
                Version::One => controllers.split(',').any(|name| name == "memory"),
                Version::Two => controllers.is_empty(),
            };
            mine.then_some(path)
        });
        // A container may see its own group as the top, while its path is told from outside.
        let inside = path.and_then(|path| Path::new(path).strip_prefix(self.shown).ok()).unwrap_or(Path::new(""));
        let top = root.join(self.at.trim_start_matches('/'));
        let around = inside.ancestors().map(|group| top.join(group));
        around.filter(|folder| folder.is_dir()).map(|folder| Group { folder, version: self.version }).collect()
    }
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The number of a line `name number`.
fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| number(line.strip_prefix(name)?.strip_prefix(' ')?))
}

#[cfg(test)]
mod tests {
    use super::super::sources::testing::Root;
    use super::*;

    fn limits(root: &Root) -> Vec<(u64, u64)> {
        let groups = Group::all(root.path());
        groups.iter().filter_map(Group::limited).map(|Limited { limit, used }| (limit, used)).collect()
    }

    #[test]
    fn version_2_has_the_own_group_and_all_around_it() {
        let root = Root::new(&[
            ("proc/self/cgroup", "0::/user.slice/job\n"),
            ("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/user.slice/job/memory.max", "max\n"),
            ("sys/fs/cgroup/user.slice/job/memory.high", "300\n"),
            ("sys/fs/cgroup/user.slice/job/memory.current", "250\n"),
            (
                "sys/fs/cgroup/user.slice/job/memory.stat",
                "anon 90\nfile 150\ninactive_file 100\nactive_file 40\nslab_reclaimable 10\n",
            ),
            ("sys/fs/cgroup/user.slice/memory.max", "1000\n"),
            ("sys/fs/cgroup/user.slice/memory.high", "max\n"),
            ("sys/fs/cgroup/user.slice/memory.current", "500\n"),
            ("sys/fs/cgroup/memory.stat", "anon 1\n"),
        ]);
        assert_eq!(limits(&root), [(300, 100), (1000, 500)]);
    }

    #[test]
    fn version_1_counts_what_lies_in_groups_inside_too() {
        let root = Root::new(&[
            ("proc/self/cgroup", "4:cpu:/other\n3:memory,hugetlb:/outer/inner\n0::/\n"),
            (
                "proc/self/mountinfo",
                "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n36 31 0:32 / /sys/fs/cgroup/memory rw shared:1 - cgroup cgroup rw,memory,hugetlb\n38 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            ),
            ("sys/fs/cgroup/memory/outer/inner/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/outer/inner/memory.usage_in_bytes", "10\n"),
            ("sys/fs/cgroup/memory/outer/memory.limit_in_bytes", "4096\n"),
            ("sys/fs/cgroup/memory/outer/memory.usage_in_bytes", "3000\n"),
            (
                "sys/fs/cgroup/memory/outer/memory.stat",
                "inactive_file 1\ntotal_inactive_file 1000\ntotal_active_file 500\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(limits(&root), [(4096, 1500)]);
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_top() {
        for (shown, own) in [("/docker/abc", "/docker/abc"), ("/", "/docker/abc"), ("/../..", "/docker/abc")] {
            let root = Root::new(&[
                ("proc/self/cgroup", &format!("3:memory:{own}\n")),
                (
                    "proc/self/mountinfo",
                    &format!("36 31 0:32 {shown} /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"),
                ),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2048\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "48\n"),
            ]);
            assert_eq!(limits(&root), [(2048, 48)], "shown {shown}");
        }
    }

    #[test]
    fn without_groups_there_are_no_limits() {
        assert_eq!(limits(&Root::new(&[])), []);
        let odd = [
            ("proc/self/cgroup", "\n:\n0::\n"),
            ("proc/self/mountinfo", " - \nx - cgroup\n1 2 3 / /g rw - cgroup2 a\n"),
        ];
        assert_eq!(limits(&Root::new(&odd)), []);
    }
}

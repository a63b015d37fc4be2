//! Memory of one device: blocks, the pools that reuse them, and storages that own them.

use super::backend::{Backend, Device};
use super::held;
use super::mapped_file::MappedFile;
use crate::budget::{self, Account, Holder, Kind, Place, Reclaim, Reservation, Short, Source};
use crate::error::Result;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Bytes; every block is a whole number of these.
const GRANULE: usize = 64;

/// Raw memory on the device of one queue.
///
/// A block goes back to its pool as soon as its last owner is gone, even while records that use it wait in the queue:
/// records run in order, so whatever is enqueued later runs later.
pub struct Block {
    pointer: *mut u8,
    memory: Memory,
    /// Set where a record that should have written the block was skipped; cleared by the next write.
    pub poisoned: AtomicBool,
    /// The ticket of the command that wrote the whole block last.
    pub written: AtomicU64,
}

/// What a block's memory is.
enum Memory {
    /// Asked from the device; goes back to its pool.
    Device {
        capacity: usize,
        backend: Arc<dyn Backend>,
        counters: Arc<Counters>,
        /// Its room in the budget; an arena gets it late, see [`Block::reserve`].
        room: OnceLock<Reservation>,
    },
    /// A value's place in an arena, which other values use before and after it.
    Part { arena: Arc<Block> },
    /// A mapped file, on the host; writes to it stay private. Unmapped as soon as its last owner is gone.
    File { _map: MappedFile },
}

// SAFETY: the pointer is only read or written by the queue's thread and its pool while they run the records in order.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    fn allocate(op: &'static str, capacity: usize, pool: &BlockPool) -> Result<Arc<Block>> {
        let room = pool.room(op, Kind::Blocks, capacity)?;
        let block = Block::unreserved(op, capacity, pool)?;
        block.keep_room(room);
        Ok(block)
    }

    /// One without room in the budget: nothing may be written to it before [`Block::reserve`].
    fn unreserved(op: &'static str, capacity: usize, pool: &BlockPool) -> Result<Arc<Block>> {
        let (backend, counters) = (pool.backend.clone(), pool.counters.clone());
        let account = backend.account();
        let pointer = account.retried(Kind::Blocks, || backend.allocate(op, capacity));
        let pointer = pointer.map_err(|error| held::explained(error, account))?;
        counters.system_allocations.fetch_add(1, Ordering::Relaxed);
        counters.reserved.fetch_add(capacity as u64, Ordering::Relaxed);
        let memory = Memory::Device { capacity, backend, counters, room: OnceLock::new() };
        Ok(Arc::new(Block { pointer, memory, poisoned: AtomicBool::new(true), written: AtomicU64::new(0) }))
    }

    /// Room in the budget for an arena, once what it replaces is given back.
    pub fn reserve(&self, op: &'static str, pool: &BlockPool) -> Result<()> {
        self.keep_room(pool.room(op, Kind::Arenas, self.capacity())?);
        Ok(())
    }

    fn keep_room(&self, reservation: Reservation) {
        if let Memory::Device { room, .. } = &self.memory {
            let _ = room.set(reservation);
        }
    }

    /// Notes that the block was written, so that its pages are the process's by now.
    pub fn touched(&self) {
        match &self.memory {
            Memory::Device { room, .. } => room.get().into_iter().for_each(Reservation::touch),
            Memory::Part { arena } => arena.touched(),
            Memory::File { .. } => {}
        }
    }

    /// Bytes that it has from the device by itself.
    pub fn capacity(&self) -> usize {
        match self.memory {
            Memory::Device { capacity, .. } => capacity,
            Memory::Part { .. } | Memory::File { .. } => 0,
        }
    }

    fn mapped(mut map: MappedFile) -> Arc<Block> {
        let pointer = map.as_mut_ptr();
        Arc::new(Block {
            pointer,
            memory: Memory::File { _map: map },
            poisoned: AtomicBool::new(false),
            written: AtomicU64::new(0),
        })
    }

    /// One value's bytes of an arena; `offset` is a multiple of 64, and the arena holds what begins there.
    pub fn part(arena: &Arc<Block>, offset: usize) -> Arc<Block> {
        let pointer = arena.pointer.wrapping_add(offset);
        let memory = Memory::Part { arena: arena.clone() };
        Arc::new(Block { pointer, memory, poisoned: AtomicBool::new(true), written: AtomicU64::new(0) })
    }

    pub fn pointer(&self) -> *mut u8 {
        self.pointer
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Memory::Device { capacity, backend, counters, .. } = &self.memory {
            counters.reserved.fetch_sub(*capacity as u64, Ordering::Relaxed);
            // SAFETY: allocated in `allocate` with this capacity, freed once; no record has it any more.
            unsafe { backend.free(self.pointer, *capacity) };
        }
    }
}

/// What is counted about a queue's memory.
#[derive(Default)]
pub struct Counters {
    /// Blocks ever asked from the system.
    pub system_allocations: AtomicU64,
    /// Bytes held from the system, in use or kept for reuse.
    pub reserved: AtomicU64,
    /// Storages alive.
    pub live_storages: AtomicU64,
    /// Bytes of the storages alive.
    pub live_bytes: AtomicU64,
    /// Fault injection of the tests: the next block is refused.
    pub fail_next_allocation: AtomicBool,
}

/// Blocks kept for reuse.
#[derive(Default)]
struct Free {
    by_class: HashMap<usize, Vec<Arc<Block>>>,
    /// Whether nothing is kept any more.
    closed: bool,
}

/// Where storages get their blocks from and give them back to.
pub struct BlockPool {
    free: Mutex<Free>,
    /// Bytes of all blocks that it ever got, from its parent or the system.
    got: AtomicU64,
    /// Where to look for blocks before the system is asked.
    parent: Option<Arc<BlockPool>>,
    backend: Arc<dyn Backend>,
    counters: Arc<Counters>,
}

impl BlockPool {
    pub fn new(backend: Arc<dyn Backend>, counters: Arc<Counters>) -> Arc<BlockPool> {
        BlockPool::registered(None, backend, counters)
    }

    /// An empty pool of the same device, counted together with this one. It takes this one's free blocks before it asks
    /// the system, and keeps them.
    pub fn child(self: &Arc<BlockPool>) -> Arc<BlockPool> {
        BlockPool::registered(Some(self.clone()), self.backend.clone(), self.counters.clone())
    }

    fn registered(
        parent: Option<Arc<BlockPool>>,
        backend: Arc<dyn Backend>,
        counters: Arc<Counters>,
    ) -> Arc<BlockPool> {
        let pool = Arc::new(BlockPool { free: Mutex::default(), got: AtomicU64::new(0), parent, backend, counters });
        let keeper: Weak<BlockPool> = Arc::downgrade(&pool);
        budget::register(keeper);
        pool
    }

    pub fn place(&self) -> Place {
        match self.backend.device() {
            Device::Cpu => Place::Host,
            Device::Cuda => Place::Device,
        }
    }

    /// Room in the budget, or who has it.
    fn room(&self, op: &'static str, kind: Kind, bytes: usize) -> Result<Reservation> {
        let account = self.backend.account();
        let room = match self.counters.fail_next_allocation.swap(false, Ordering::Relaxed) {
            true => Err(Short { budget: 0, source: Source::Injected }),
            false => account.reserve(kind, self.place(), bytes),
        };
        room.map_err(|short| held::refusal(op, bytes, short, account))
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_free(&self, class: usize) -> Option<Arc<Block>> {
        self.free().by_class.get_mut(&class).and_then(Vec::pop)
    }

    /// A block of at least `bytes`, with undefined contents.
    fn take(&self, op: &'static str, bytes: usize) -> Result<Arc<Block>> {
        let class = size_class(bytes);
        if let Some(block) = self.take_free(class) {
            return Ok(block);
        }
        let passed_on = self.parent.as_ref().and_then(|parent| parent.take_free(class));
        let block = passed_on.map_or_else(|| Block::allocate(op, class, self), Ok)?;
        self.got.fetch_add(class as u64, Ordering::Relaxed);
        Ok(block)
    }

    /// One block for values that are placed in it with [`Block::part`]; with the last of them it goes back to the system.
    /// [`Block::reserve`] it before anything is written.
    pub fn arena(&self, op: &'static str, bytes: usize) -> Result<Arc<Block>> {
        Block::unreserved(op, bytes.max(GRANULE), self)
    }

    fn give_back(&self, block: Arc<Block>) {
        if let Memory::Device { capacity, .. } = block.memory {
            let mut free = self.free();
            if !free.closed {
                free.by_class.entry(capacity).or_default().push(block);
            }
        }
    }

    /// Bytes of all blocks that it ever got, from its parent or the system.
    pub fn got(&self) -> u64 {
        self.got.load(Ordering::Relaxed)
    }

    /// Frees the blocks that nothing uses; records still queued keep theirs alive.
    pub fn trim(&self) {
        self.free().by_class.clear();
    }

    /// [`BlockPool::trim`], now and whenever a block comes back.
    pub fn close(&self) {
        self.free().closed = true;
        self.trim();
    }
}

impl Reclaim for BlockPool {
    /// But for blocks that a recording or a queued record still has: to let go of those frees nothing, and the pool could not
    /// hand them out again.
    fn trim(&self) {
        self.free().by_class.retain(|_, blocks| {
            blocks.retain(|block| Arc::strong_count(block) > 1);
            !blocks.is_empty()
        });
    }

    fn under_way(&self) -> Option<(&Arc<Account>, Place, u64)> {
        let free = self.free();
        let used = free.by_class.values().flatten().filter(|block| Arc::strong_count(block) > 1);
        let bytes = used.map(|block| block.capacity() as u64).sum();
        Some((self.backend.account(), self.place(), bytes))
    }
}

/// Rounds up so that at most an eighth is wasted and few classes exist.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(GRANULE);
    let step = (bytes.next_power_of_two() / 16).max(GRANULE);
    bytes.div_ceil(step) * step
}

/// The buffer of one or several tensors (views share it).
pub struct Storage {
    block: Option<Arc<Block>>,
    bytes: usize,
    pool: Arc<BlockPool>,
    /// Goes up with every in-place write, when that is enqueued.
    pub version: AtomicU32,
    /// The op of the last in-place write.
    last_writer: Mutex<&'static str>,
    /// What its bytes count as: the code of a [`Holder`].
    role: AtomicU8,
}

impl Storage {
    pub fn allocate(op: &'static str, bytes: usize, pool: &Arc<BlockPool>) -> Result<Arc<Storage>> {
        Ok(Storage::over(pool.take(op, bytes)?, bytes, pool))
    }

    /// A mapped file, for a device whose memory is the host's. Its bytes are not counted: the system can take them back.
    pub fn mapped(map: MappedFile, pool: &Arc<BlockPool>) -> Arc<Storage> {
        Storage::over(Block::mapped(map), 0, pool)
    }

    fn over(block: Arc<Block>, bytes: usize, pool: &Arc<BlockPool>) -> Arc<Storage> {
        pool.counters.live_storages.fetch_add(1, Ordering::Relaxed);
        pool.counters.live_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        pool.backend.account().storage_made(pool.place(), block.capacity());
        Arc::new(Storage {
            block: Some(block),
            bytes,
            pool: pool.clone(),
            version: AtomicU32::new(0),
            last_writer: Mutex::new(""),
            role: AtomicU8::new(Holder::Results as u8),
        })
    }

    pub fn block(&self) -> &Arc<Block> {
        self.block.as_ref().expect("a storage has its block until it is dropped")
    }

    pub fn pool(&self) -> &Arc<BlockPool> {
        &self.pool
    }

    pub fn account(&self) -> &Arc<Account> {
        self.pool.backend.account()
    }

    pub fn place(&self) -> Place {
        self.pool.place()
    }

    /// Bytes of its block.
    pub fn capacity(&self) -> usize {
        self.block().capacity()
    }

    pub fn role(&self) -> Holder {
        Holder::of_tensor(u32::from(self.role.load(Ordering::Relaxed))).unwrap_or(Holder::Results)
    }

    /// Says what its bytes count as from here on.
    pub fn set_role(&self, role: Holder) {
        self.role.store(role as u8, Ordering::Relaxed);
    }

    pub fn written_by(&self, op: &'static str) {
        self.version.fetch_add(1, Ordering::Relaxed);
        *self.last_writer.lock().unwrap_or_else(PoisonError::into_inner) = op;
    }

    pub fn last_writer(&self) -> &'static str {
        *self.last_writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.pool.counters.live_storages.fetch_sub(1, Ordering::Relaxed);
        self.pool.counters.live_bytes.fetch_sub(self.bytes as u64, Ordering::Relaxed);
        if let Some(block) = self.block.take() {
            self.account().storage_gone(self.place(), block.capacity());
            self.pool.give_back(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuContext;

    #[test]
    fn a_child_takes_over_free_blocks_and_keeps_them() {
        let backend = Arc::new(CpuContext::new(1).expect("a CPU"));
        let parent = BlockPool::new(backend, Arc::default());
        let storage = |pool: &Arc<BlockPool>| Storage::allocate("test", 3 << 20, pool).expect("a block");
        let first = storage(&parent);
        let pointer = first.block().pointer();
        drop(first);
        let child = parent.child();
        let second = storage(&child);
        assert_eq!(second.block().pointer(), pointer);
        drop(second);
        let (third, fourth) = (storage(&parent), storage(&child));
        assert_ne!(third.block().pointer(), pointer);
        assert_eq!(fourth.block().pointer(), pointer);
        assert_eq!(parent.counters.system_allocations.load(Ordering::Relaxed), 2);
        assert_eq!((parent.got(), child.got()), (2 * (3 << 20), 3 << 20));
    }

    #[test]
    fn what_a_record_still_has_is_handed_out_again_after_memory_was_short() {
        let pool = BlockPool::new(Arc::new(CpuContext::new(1).expect("a CPU")), Arc::default());
        let storage = |bytes| Storage::allocate("test", bytes, &pool).expect("a block");
        let reserved = || pool.counters.reserved.load(Ordering::Relaxed);
        let (used, unused) = (storage(4096), storage(8192));
        let record = used.block().clone();
        drop((used, unused));
        Reclaim::trim(&*pool);
        assert_eq!(reserved(), 4096, "what nothing has goes");
        let again = storage(4096);
        assert!(Arc::ptr_eq(again.block(), &record));
        drop((again, record));
        Reclaim::trim(&*pool);
        assert_eq!(reserved(), 0);
    }

    #[test]
    fn a_closed_pool_keeps_nothing() {
        let pool = BlockPool::new(Arc::new(CpuContext::new(1).expect("a CPU")), Arc::default());
        let storage = || Storage::allocate("test", 4096, &pool).expect("a block");
        let reserved = || pool.counters.reserved.load(Ordering::Relaxed);
        let (early, late) = (storage(), storage());
        let queued = early.block().clone();
        drop(early);
        pool.close();
        assert_eq!(reserved(), 2 * 4096);
        drop(queued);
        drop(late);
        assert_eq!(reserved(), 0);
    }

    #[test]
    fn parts_keep_their_arena() {
        let pool = BlockPool::new(Arc::new(CpuContext::new(1).expect("a CPU")), Arc::default());
        let reserved = || pool.counters.reserved.load(Ordering::Relaxed);
        let arena = pool.arena("test", 4096).expect("a block");
        let parts = [0, 64].map(|offset| Block::part(&arena, offset));
        assert_eq!(parts[1].pointer() as usize - parts[0].pointer() as usize, 64);
        parts[0].poisoned.store(false, Ordering::Relaxed);
        assert!(parts[1].poisoned.load(Ordering::Relaxed), "each has a mark of its own");
        drop(arena);
        assert_eq!(reserved(), 4096);
        drop(parts);
        assert_eq!(reserved(), 0);
    }
}

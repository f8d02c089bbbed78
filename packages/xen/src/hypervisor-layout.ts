// Where the hypervisor keeps its own tables in machine memory. This file is compiled twice: by TypeScript, and by
// AssemblyScript as part of the copy engine, so it holds nothing but integer constants that both read alike.

/** Machine header, in machine page 0, which belongs to nobody. */
export const MACHINE_MAX_DOMAINS = 64
/** i32: 1 where other cores see a core's stores in their order, so that a plain store unlocks (`STORES_IN_ORDER`). */
export const MACHINE_STORES_IN_ORDER = 68
/** i32: 1 where no other thread ever looks at the memory, so that an exchange needs no lock (`MachineOptions.threads`). */
export const MACHINE_ONE_THREAD = 72

/** The domain table starts at machine page 1: one record per domid. */
export const DOMAIN_TABLE = 4096
/** 1024 keeps the records of two domains far apart, so that two threads never share a cache line. */
export const DOMAIN_RECORD_SHIFT = 10

/** u32: 0 no such domain, 1 alive, 2 dying. */
export const DOMAIN_STATE = 0
/** u32: machine byte offset of the extent. */
export const DOMAIN_EXTENT_BASE = 4
/** u32: pages of the extent; a gfn is valid below it. */
export const DOMAIN_EXTENT_PAGES = 8
/** u32: how many grant references the table has: 512 a frame. */
export const DOMAIN_GRANT_ENTRIES = 12
/** u32: hypercalls of this domain in progress, on any thread. */
export const DOMAIN_IN_HYPERCALL = 16
/** u32: machine byte offset of the page that lists the maptrack frames. */
export const DOMAIN_MAPTRACK_TABLE = 20
/** u32: maptrack entries that exist; a handle is valid below it. */
export const DOMAIN_MAPTRACK_LIMIT = 24
/** i32: first free handle, -1 when there is none. Lock: DOMAIN_MAPTRACK_LOCK. */
export const DOMAIN_MAPTRACK_FREE = 28
/** u32: 0, or the lock word of the holder. */
export const DOMAIN_MAPTRACK_LOCK = 32
/** u32: maptrack entries in use. */
export const DOMAIN_MAPTRACK_USED = 36
/** u32: machine byte offset of the page that lists the page tables of its VM areas; 0: it has none. */
export const DOMAIN_VM_DIRECTORY = 40
/** u32: page tables that exist, used or not; an address of a VM area is valid below them. */
export const DOMAIN_VM_TABLES = 44
/** u32: machine byte offset of what its devices may reach beside its memory: mappings of each machine page, u32 each. */
export const DOMAIN_IOMMU = 48
/** u32: 1 if its addresses are translated for it (HVM, PVH): it has no page tables that the hypervisor could change. */
export const DOMAIN_TRANSLATED = 52
/** u32[64]: machine byte offsets of the grant table's shared frames (in the domain's own extent). */
export const DOMAIN_SHARED_FRAMES = 64
/** u32[64]: machine byte offsets of the active entries of each shared frame (two hypervisor pages). */
export const DOMAIN_ACTIVE_FRAMES = 320

export const DOMAIN_ALIVE = 1
export const DOMAIN_DYING = 2

/** Version 1 shared entry: flags u16@0, domid u16@2, frame u32@4; 512 a frame. Xen public/grant_table.h. */
export const SHARED_ENTRY_SHIFT = 3
export const SHARED_ENTRY_FRAME = 4
export const ENTRIES_PER_FRAME_SHIFT = 9
export const ENTRIES_PER_FRAME_MASK = 511

/** Active entry: pin u32@0, domid u16@4, gfn u32@8; 16 bytes. */
export const ACTIVE_ENTRY_SHIFT = 4
export const ACTIVE_DOMID = 4
export const ACTIVE_GFN = 8

// The pin word: four counters of 8 bits (Xen grant_table.c GNTPIN_*). A counter's top bit refuses a further pin.
export const PIN_HOST_WRITE = 1
export const PIN_HOST_READ = 0x100
export const PIN_DEVICE_WRITE = 0x10000
export const PIN_DEVICE_READ = 0x1000000
/** Both write counters. */
export const PIN_WRITES = 0xff00ff
export const PIN_OVERFLOW_SHIFT = 7
/**
 * The pin word doubles as the entry's lock: 0xff000000 | domid of the holder. No count looks like it, since the
 * overflow test keeps every counter at 0x80 or below.
 */
export const PIN_LOCKED = -0x1000000

// struct gnttab_copy: 40 bytes. Xen public/grant_table.h.
export const COPY_OP_BYTES = 40
/** Operations in one hypercall. */
export const COPY_BATCH = 64
export const COPY_SOURCE_REF = 0
export const COPY_SOURCE_HIGH = 4
export const COPY_SOURCE_DOMID = 8
export const COPY_SOURCE_OFFSET = 10
export const COPY_DEST_REF = 16
export const COPY_DEST_HIGH = 20
export const COPY_DEST_DOMID = 24
export const COPY_DEST_OFFSET = 26
export const COPY_LENGTH = 32
export const COPY_FLAGS = 34
export const COPY_STATUS = 36

// struct gnttab_map_grant_ref: 32 bytes, gnttab_unmap_grant_ref: 24 bytes. Xen public/grant_table.h.
export const MAP_OP_BYTES = 32
export const MAP_ADDRESS = 0
export const MAP_ADDRESS_HIGH = 4
export const MAP_FLAGS = 8
export const MAP_REF = 12
export const MAP_DOMID = 16
export const MAP_STATUS = 18
export const MAP_HANDLE = 20
export const UNMAP_OP_BYTES = 24
export const UNMAP_ADDRESS = 0
export const UNMAP_ADDRESS_HIGH = 4
export const UNMAP_DEVICE = 8
export const UNMAP_DEVICE_HIGH = 12
export const UNMAP_HANDLE = 16
export const UNMAP_STATUS = 20

/** The high word of every address of a VM area; the low one is the page's number, shifted. No machine has that memory. */
export const VM_HIGH = 1
/** A page table: 1024 words, one for each page, the machine byte offset that it shows; 0: nothing. */
export const VM_TABLE_SHIFT = 10

/** struct grant_mapping: ref (next free handle when free) u32@0, flags u16@4, domid u16@6; 16 bytes, 256 a frame. */
export const MAPTRACK_ENTRY_SHIFT = 4
export const MAPTRACK_FLAGS = 4
export const MAPTRACK_DOMID = 6
export const MAPTRACK_FRAME_SHIFT = 8

/** Copies up to this many bytes go word by word; longer ones through the engine's block copy. */
export const SMALL_COPY = 128

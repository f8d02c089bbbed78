// The numbers of Xen public/grant_table.h. Compiled by TypeScript and, as part of the copy engine, by AssemblyScript:
// integer constants only.

// Flags of a version 1 entry.
export const GTF_TYPE_MASK = 3
export const GTF_INVALID = 0
export const GTF_PERMIT_ACCESS = 1
export const GTF_ACCEPT_TRANSFER = 2
export const GTF_TRANSITIVE = 3
export const GTF_READONLY = 4
/** Set and cleared by the hypervisor alone: the grantee may be reading. */
export const GTF_READING = 8
/** Set and cleared by the hypervisor alone: the grantee may be writing. */
export const GTF_WRITING = 16
export const GTF_PWT = 32
export const GTF_PCD = 64
export const GTF_PAT = 128
export const GTF_SUB_PAGE = 256

export const GNTMAP_DEVICE = 1
export const GNTMAP_HOST = 2
export const GNTMAP_READONLY = 4
export const GNTMAP_APPLICATION = 8
export const GNTMAP_CONTAINS_PTE = 16

export const GNTCOPY_SOURCE_GREF = 1
export const GNTCOPY_DEST_GREF = 2

export const DOMID_SELF = 0x7ff0

export const GNTST_OKAY = 0
export const GNTST_GENERAL_ERROR = -1
export const GNTST_BAD_DOMAIN = -2
export const GNTST_BAD_GNTREF = -3
export const GNTST_BAD_HANDLE = -4
export const GNTST_BAD_VIRT_ADDR = -5
export const GNTST_BAD_DEV_ADDR = -6
export const GNTST_NO_DEVICE_SPACE = -7
export const GNTST_PERMISSION_DENIED = -8
export const GNTST_BAD_PAGE = -9
export const GNTST_BAD_COPY_ARG = -10
export const GNTST_ADDRESS_TOO_BIG = -11
export const GNTST_EAGAIN = -12
export const GNTST_NO_SPACE = -13

/** References 0 to 7 are the toolstack's: 0 console, 1 xenstore. */
export const GNTTAB_RESERVED_ENTRIES = 8
export const GNTTAB_CONSOLE_REF = 0
export const GNTTAB_XENSTORE_REF = 1
/** Entries of a 4 KiB table frame, version 1. */
export const GRANTS_PER_FRAME = 512
/** Xen's default for gnttab_max_frames. */
export const MAX_GRANT_FRAMES = 64
/** Xen's default for gnttab_max_maptrack_frames. */
export const MAX_MAPTRACK_FRAMES = 1024

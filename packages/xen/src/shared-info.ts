// struct shared_info, x86-64: Xen public/xen.h, public/arch-x86/xen.h. One page of the domain's own memory that the
// domain and the hypervisor both write. Bit arrays are of 64-bit words; read as 32-bit words they hold the same bits in
// the same order, because the layout is little-endian.

/** vcpu_info[0] is at the start of the page; there are 32 of 64 bytes. */
export const VCPU_INFO_BYTES = 64
export const VCPU_INFO_COUNT = 32
/** u8: an upcall is wanted. */
export const UPCALL_PENDING = 0
/** u8: the virtual CPU takes no upcalls (paravirtual guests). */
export const UPCALL_MASK = 1
/** u64: bit n is set when word n of the pending array has something new. */
export const PENDING_SEL = 8
/** u64[64] */
export const EVTCHN_PENDING = 2048
/** u64[64] */
export const EVTCHN_MASK = 2560
/** Wall clock, not kept here. */
export const WALLCLOCK = 3072

/** Channels that the two-level layout has room for on a 64-bit guest; port 0 is never valid. */
export const EVTCHN_2L_CHANNELS = 4096

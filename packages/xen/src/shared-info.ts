// struct shared_info, x86-64: Xen public/xen.h, public/arch-x86/xen.h. One page of the domain's own memory that the
// domain and the hypervisor both write. Bit arrays are of 64-bit words; read as 32-bit words they hold the same bits in
// the same order, because the layout is little-endian.

// The page begins with 32 vcpu_info, that of virtual CPU 0 first. At 3072 follows the wall clock, which is not kept.

/** Bytes of a vcpu_info; the fields below are in each. */
export const VCPU_INFO_BYTES = 64
/** Virtual CPUs that have a place in the page (XEN_LEGACY_MAX_VCPUS). */
export const MAX_VCPUS = 32

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

/** Most queues that a vif can have here, whatever a setting says. */
export const MOST_QUEUES = 64
/** As xen-netback without its parameter max_queues: as many as the driver domain has virtual CPUs, and at most so many. */
export const DEFAULT_MOST_QUEUES = 8

/** Linux xen-netfront's RX_DFL_MIN_TARGET. */
const LEAST = 64

/**
 * How many pages stand posted in the RX ring: as many as the traffic needs, by the rule of Linux's rx_target (until
 * 3.19, which keeps the ring full). Pages come back in turn, so each posted page is one more that passes through the
 * caches: 384 pages in turn for a full ring, 96 for the least (1500 bytes from guest to guest, the same run but for the
 * least: 409 ns a frame against 388).
 */
export class FillTarget {
  current: number
  private readonly least: number
  private readonly most: number

  /** `slots`: of the ring. */
  constructor(slots: number) {
    this.least = slots < LEAST ? slots : LEAST
    this.most = slots
    this.current = this.least
  }

  /**
   * Before pages are posted, `unused` of those that were posted being left to the backend: less than a quarter was near
   * to running out, and doubles the target; more than three quarters lowers it by one.
   */
  adjust(unused: number): void {
    const { current, least, most } = this
    if (unused < current >> 2) this.current = current * 2 < most ? current * 2 : most
    else if (unused > (3 * current) >> 2 && current > least) this.current = current - 1
  }
}

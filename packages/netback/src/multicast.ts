/** Most groups a guest may be a member of here (Linux XEN_NETBK_MCAST_MAX). */
export const MULTICAST_MAX = 64

/** The groups a guest has asked for (XEN_NETIF_EXTRA_TYPE_MCAST_ADD and _DEL), kept also while nobody filters by them. */
export class MulticastList {
  /** The guest wants only what is in the list (request-multicast-control). */
  filtering: boolean
  private readonly groups: Float64Array
  private count: number

  constructor() {
    this.filtering = false
    this.groups = new Float64Array(MULTICAST_MAX)
    this.count = 0
  }

  get size(): number {
    return this.count
  }

  /** False if the list is full. A group may stand in it twice, as in Linux. */
  add(address: Uint8Array): boolean {
    if (this.count === MULTICAST_MAX) return false
    this.groups[this.count++] = numberOf(address, 0)
    return true
  }

  /** Remove one entry of a group, if there is one. */
  remove(address: Uint8Array): void {
    const group = numberOf(address, 0)
    for (let i = 0; i < this.count; i++) {
      if (this.groups[i] !== group) continue
      this.groups[i] = this.groups[--this.count]
      return
    }
  }

  clear(): void {
    this.count = 0
  }

  /** True if the frame whose destination is the address at `at` is to be kept from the guest. */
  rejects(bytes: Uint8Array, at: number): boolean {
    if (!this.filtering || (bytes[at] & 1) === 0) return false
    const group = numberOf(bytes, at)
    if (group === 0xffffffffffff) return false
    for (let i = 0; i < this.count; i++) if (this.groups[i] === group) return false
    return true
  }
}

/** A MAC as one number; 48 bits fit a double exactly. */
function numberOf(bytes: Uint8Array, at: number): number {
  let number = 0
  for (let i = 0; i < 6; i++) number = number * 256 + bytes[at + i]
  return number
}

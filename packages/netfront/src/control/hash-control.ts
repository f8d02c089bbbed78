import {
  XEN_NETIF_CTRL_HASH_ALGORITHM_NONE,
  XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ,
  XEN_NETIF_CTRL_HASH_TYPES,
  XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS,
  XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE,
  XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM,
  XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS,
  XEN_NETIF_CTRL_TYPE_SET_HASH_KEY,
  XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING,
  XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE,
} from '@netaccel/xen'
import type { Arena, Domain } from '@netaccel/xen'
import { NetfrontError } from '../errors.js'
import type { ControlRing } from './control-ring.js'

const PAGE = 4096

/** How the backend is to spread over the queues what it sends to this device. */
export interface HashSetting {
  /** Up to 40 bytes of the Toeplitz key; what is missing is 0. */
  readonly key: readonly number[]
  /** Bits: 1 IPv4, 2 TCP over IPv4, 4 IPv6, 8 TCP over IPv6. Default all. */
  readonly types?: number
  /** The queue of each hash, modulo the length of the table. Without one: the hash modulo the number of queues. */
  readonly mapping?: readonly number[]
}

/** The control requests about hashing, as calls. Each rejects as {@link ControlRing.ask}. */
export class HashControl {
  private readonly ring: ControlRing
  private readonly domain: Domain
  private readonly backend: number

  constructor(ring: ControlRing, domain: Domain, backend: number) {
    this.ring = ring
    this.domain = domain
    this.backend = backend
  }

  /** All of a setting, the algorithm first: the backend refuses kinds of packets without one. */
  async set({ key, types = XEN_NETIF_CTRL_HASH_TYPES, mapping = [] }: HashSetting): Promise<void> {
    await this.setAlgorithm('toeplitz')
    await this.setKey(key)
    await this.setTypes(types)
    await this.setMappingSize(mapping.length)
    if (mapping.length > 0) await this.setMapping(mapping, 0)
  }

  async setAlgorithm(algorithm: 'none' | 'toeplitz'): Promise<void> {
    const number =
      algorithm === 'none' ? XEN_NETIF_CTRL_HASH_ALGORITHM_NONE : XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ
    await this.ring.ask(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, [number])
  }

  /** Kinds of packets that the backend can hash, as bits; REFUSED while no algorithm is set. */
  types(): Promise<number> {
    return this.ring.ask(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, [])
  }

  async setTypes(types: number): Promise<void> {
    await this.ring.ask(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, [types])
  }

  async setKey(key: readonly number[]): Promise<void> {
    await this.withPage(
      key.length,
      ({ bytes, offset }) => bytes.set(key, offset),
      (ref) => this.ring.ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, [ref, key.length]),
    )
  }

  /** Most entries of a table. */
  mostMapping(): Promise<number> {
    return this.ring.ask(XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE, [])
  }

  /** Entries of the table from now on, all of queue 0; 0: no table. */
  async setMappingSize(entries: number): Promise<void> {
    await this.ring.ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, [entries])
  }

  /** Entries from `first` on; the others stay. All or none change. */
  async setMapping(queues: readonly number[], first: number): Promise<void> {
    await this.withPage(
      4 * queues.length,
      ({ words, offset }) => words.set(queues, offset >> 2),
      (ref) => this.ring.ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, [ref, queues.length, first]),
    )
  }

  /** A page for the backend to read from while it is asked. */
  private async withPage(
    length: number,
    fill: (page: Arena) => void,
    ask: (ref: number) => Promise<number>,
  ): Promise<void> {
    const { backend, domain } = this
    if (length > PAGE)
      throw new NetfrontError(
        'BAD_ARGUMENT',
        `what the backend is told of the hash has ${length} bytes: at most ${PAGE} can be told at once`,
      )
    const page = domain.extent.allocPages(1)
    fill(page)
    const ref = domain.grants.grant(backend, page.pages[0], 'ro')
    try {
      await ask(ref)
    } finally {
      domain.grants.endGrant(ref, page)
    }
  }
}

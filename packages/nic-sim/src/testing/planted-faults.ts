// Ways to break the NIC, each a check that a careless implementation forgets. The attacks must find every one.
import { vi as mock } from 'vitest'
import { TX_MAX_DESCRIPTORS } from '../constants.js'
import { BufferTable } from '../device/buffer-table.js'
import { FilterTable } from '../device/filter-table.js'
import { LocalSwitch } from '../device/local-switch.js'
import { RingMemory } from '../device/ring-memory.js'
import { TxChain } from '../device/tx-chain.js'
import { VirtualInterface } from '../device/virtual-interface.js'
import { HOSTILE_RING } from './hostile-guest.js'

/** The private parts of a class, to plant a fault in. */
export type Inside = Record<string, (...args: never[]) => unknown>
export const inside = (part: { prototype: object }): Inside => part.prototype as unknown as Inside
const call = (method: (...args: never[]) => unknown, self: object, args: unknown[]): unknown =>
  (method as (...all: unknown[]) => unknown).apply(self, args)

/** Small rings reach one slot behind their last. */
function offByOne(method: 'word0' | 'word1' | 'write'): void {
  const original = inside(RingMemory)[method]
  const { inPhase } = RingMemory.prototype
  mock.spyOn(inside(RingMemory), method).mockImplementation(function (this: object, ...args) {
    const [index, word0, word1] = args as number[]
    const ring = this as RingMemory
    if (ring.capacity > 2 * HOSTILE_RING) return call(original, ring, args)
    const { views, bases } = ring as unknown as { views: DataView[]; bases: number[] }
    const at = bases[0] + (index % (ring.capacity + 1)) * 8
    if (method !== 'write') return views[0].getInt32(at + (method === 'word1' ? 4 : 0), true)
    views[0].setInt32(at, word0, true)
    const phase = inPhase.call(ring, index, -1) ? 0x80000000 : 0
    return views[0].setInt32(at + 4, (word1 & 0x7fffffff) | phase, true)
  })
}

/** Name, and how the NIC is broken. */
export const plantedFaults: [string, () => void][] = [
  ['the TX ring has one slot too many', () => (offByOne('word0'), offByOne('word1'))],
  ['the event queue has one slot too many', () => offByOne('write')],
  [
    'a descriptor is read again when its bytes are fetched',
    () => {
      const { read, gather } = TxChain.prototype
      let vi: VirtualInterface
      mock.spyOn(TxChain.prototype, 'read').mockImplementation(function (this: TxChain, from, ...rest) {
        vi = from
        return call(read, this, [from, ...rest]) as ReturnType<typeof read>
      })
      mock.spyOn(TxChain.prototype, 'gather').mockImplementation(function (this: TxChain, ...args) {
        const self = this as unknown as { places: Int32Array; parts: number }
        const { bases } = vi.space as unknown as { bases?: Uint32Array }
        if (this.mss === 0 && bases !== undefined)
          for (let i = 0; i < self.parts; i++) {
            const address = vi.tx.word0((vi.txConsumer + i) >>> 0)
            self.places[i] = bases[address >>> 12] + (address & 4095)
          }
        return call(gather, this, args) as undefined
      })
    },
  ],
  [
    'a chain of any length is gathered',
    () => {
      const { take } = inside(TxChain)
      mock.spyOn(inside(TxChain), 'take').mockImplementation(function (this: object, ...args) {
        const self = this as Record<string, unknown> & { descriptors: number }
        for (const [name, value] of Object.entries(self))
          if (ArrayBuffer.isView(value) && (value as Uint32Array).length === TX_MAX_DESCRIPTORS)
            self[name] = new (value.constructor as typeof Uint32Array)(64)
        const { descriptors } = self
        self.descriptors = Math.min(descriptors, TX_MAX_DESCRIPTORS)
        call(take, self, args)
        self.descriptors = descriptors
      })
    },
  ],
  [
    'an event counts one descriptor too many',
    () => {
      const { countWord } = inside(VirtualInterface)
      mock.spyOn(inside(VirtualInterface), 'countWord').mockImplementation(function (this: object, ...args) {
        const [slot, count] = args as number[]
        return call(countWord, this, [slot, count + 1])
      })
    },
  ],
  [
    'the doorbell of a VI is not compared with its capacity',
    () => {
      mock.spyOn(inside(VirtualInterface), 'takeRx').mockImplementation(function (this: object, ...args) {
        ;(this as VirtualInterface).rxProducer = (args as number[])[0]
      })
    },
  ],
  [
    'a wake-up is given for each event, not once for each time that it was asked for',
    () => {
      const { wake } = inside(VirtualInterface)
      mock.spyOn(inside(VirtualInterface), 'wake').mockImplementation(function (this: object) {
        call(wake, this, [])
        ;(this as { armed: boolean }).armed = true
      })
    },
  ],
  [
    'what is for this host goes to the wire all the same',
    () => mock.spyOn(LocalSwitch.prototype, 'way').mockReturnValue('wire'),
  ],
  [
    'a filter draws in what is for another guest of the host',
    () => mock.spyOn(inside(LocalSwitch), 'isFor').mockReturnValue(true),
  ],
  [
    'a receiver without buffers swallows what the switch gives it',
    () => mock.spyOn(inside(LocalSwitch), 'wait').mockReturnValue(true),
  ],
  [
    'filters of a closed VI stay',
    () => mock.spyOn(FilterTable.prototype, 'removeVi').mockReturnValue(undefined),
  ],
  ['buffers of a closed VI stay', () => mock.spyOn(BufferTable.prototype, 'removeAll').mockReturnValue(0)],
]

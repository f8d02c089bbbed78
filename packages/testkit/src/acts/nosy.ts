import type { FrontendVif, HardwareContext, View } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import type { WorldValue } from '@netaccel/host'
import { flip, MappedPages } from '../bench/mapped-pages.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { needsHardware } from '../kit/check.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Nosy {
  readonly scene: Scene
  /** Words of descriptors in which a bit was turned over before hardware read them. */
  readonly flipped: number
  /** Pages of another guest, and of those the ones that were written to. */
  readonly foreign: number
  readonly written: number
  /** Frames on the wire that bore bytes of those pages. */
  readonly read: number
}

const VICTIM = 'a.guest1'
const NOSY = 'a.nosy'
const NOSY_MAC = '00:16:3e:00:00:77'
/** Stands in all words of the other guest's pages. */
const CANARY = 0x5ca1ab1e
const NEEDLE = Buffer.from([0x5c, 0xa1, 0xab, 0x1e, 0x5c, 0xa1, 0xab, 0x1e])
const PAGE = 4096
/** One of so many words that the guest has written is another one. */
const SOUND = 3

export const nosy: Act<Nosy> = {
  name: 'nosy',
  title:
    "a guest whose descriptors name pages at random, beside one whose pages nobody else's bytes get into or out of",
  unfit: needsHardware,
  async run(kit) {
    const random = new Random(kit.seed).fork('nosy')
    const state = { on: false, flipped: 0, read: 0 }
    const spoil = (): void => {
      // What the guest has written since its last doorbell is new to hardware.
      if (!state.on) return
      for (const word of rings.written())
        if (random.below(SOUND) === 0) {
          flip(word, random)
          state.flipped += 1
        }
      rings.note()
    }
    const rings = new MappedPages('rw', spoil)
    const pages: View[] = []
    const bench = await kit.bench({
      value: withNosy,
      rig: around(({ half }, where) => {
        if (where === VICTIM) return { frontendVif: (doors) => exposing(doors, pages) }
        if (where === NOSY) return { frontendVif: (doors) => vary<FrontendVif>(doors, rings.watch(doors)) }
        const listens = where.startsWith('a.') && half === 'hardware'
        return listens ? { hardwareContext: (context) => hearing(context, () => (state.read += 1)) } : {}
      }),
    })
    await bench.load()
    bench.start({ flows: 4 }, `${NOSY}.vif0`, 'b.guest1.vif0')
    await bench.for(2)
    for (const { view, offset, length } of pages)
      for (let at = offset; at < offset + length; at += 4) view.setUint32(at, CANARY)
    rings.note()
    state.on = true
    await bench.for(kit.full ? 40 : 4)
    state.on = false
    const written = pages.reduce((sum, page) => sum + writtenIn(page), 0)
    const foreign = pages.reduce((sum, { length }) => sum + length / PAGE, 0)
    const { flipped, read } = state
    return { scene: await bench.finish('nosy'), flipped, foreign, written, read }
  },
}

function withNosy(value: WorldValue): WorldValue {
  const { a } = value.hosts
  const guests = { ...a.guests, nosy: { vifs: { vif0: { mac: NOSY_MAC, accel: 'eth0' } } } }
  return {
    ...value,
    hosts: { ...value.hosts, a: { ...a, guests, links: [...(a.links ?? []), 'nosy.vif0 -> bridge'] } },
  }
}

/** Notes what memory of the guest hardware may come to know. */
function exposing(doors: FrontendVif, pages: View[]): FrontendVif {
  pages.push(...doors.txArenas)
  return vary(doors, {
    pool(frames, bytesEach) {
      const pool = doors.pool(frames, bytesEach)
      pages.push(pool.arena)
      return pool
    },
  })
}

/** `found` is called for each frame to the wire that bears the canary. */
function hearing(context: HardwareContext, found: () => void): HardwareContext {
  const { wire } = context
  return vary(context, {
    wire: vary(wire, {
      send(frame) {
        const { bytes, offset, length } = frame
        if (Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).includes(NEEDLE)) found()
        return wire.send(frame)
      },
    }),
  })
}

/** Pages of this memory in which something else stands than the canary. */
function writtenIn({ view, offset, length }: View): number {
  let written = 0
  for (let page = offset; page < offset + length; page += PAGE) {
    let at = page
    while (at < page + PAGE && view.getUint32(at) === CANARY) at += 4
    if (at < page + PAGE) written += 1
  }
  return written
}

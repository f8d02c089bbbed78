import type { FlowKey } from '@netaccel/core'
import { addressOf } from '@netaccel/host'
import type { Frame } from '@netaccel/packet'
import { writeIpv4Checksum } from '@netaccel/packet'
import { Sender } from '../bench/frames.js'
import type { Letter } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

/** Address of a vif, and the IP address that its guest has. */
export interface End {
  readonly mac: string
  readonly ip: string
}

export interface Filtered {
  readonly scene: Scene
  readonly ends: readonly End[]
  /** Ports that no whole header named, by what did. */
  readonly strange: ReadonlyMap<number, string>
}

const ETHERNET = 14
const IP_FLAGS = 6
const PORTS = 34
const GAP_MS = 0.5
const SECOND_FRAGMENT = 0x0064
const FIRST_FRAGMENT = 0x2000

/** Headers that are not whole, or not the guest's: each with a port of its own, so that a filter tells what it was made of. */
const STRANGE = {
  second: 0xabcd,
  first: 7001,
  multicast: 7003,
  cut: 7005,
} as const

export const filtered: Act<Filtered> = {
  name: 'filtered',
  title: 'fragments, frames cut short, to groups and to others pass the port beside ordinary flows',
  unfit: ({ capabilities }) => (capabilities.has('filters') ? undefined : 'the plugin inserts no filters'),
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    const sender = new Sender(bench, 1)
    const letters = [
      sender.datagram(200, false, 4000),
      ...strangers(sender),
      sender.datagram(200, false, 4400),
    ]
    for (const letter of letters)
      for (let time = 0; time < 3; time += 1) {
        sender.send(letter)
        await bench.for(GAP_MS)
      }
    const ends = bench.vifs.map(({ path }) => addressOf(bench.world, path))
    const strange = new Map<number, string>([
      [STRANGE.second, 'the payload of a second fragment'],
      [STRANGE.first, 'the first fragment of a datagram'],
      [STRANGE.multicast, 'a frame to a group'],
      [STRANGE.cut, 'a frame that ends within its header'],
    ])
    return { scene: await bench.finish('filtered'), ends, strange }
  },
}

/** Of one inserted filter: whether it can match what is not the guest's. */
export function isForOthers(key: FlowKey, own: End): boolean {
  return key.mac === undefined ? key.destination !== own.ip : key.mac !== own.mac
}

function strangers(sender: Sender): Letter[] {
  return [
    changed(sender.datagram(800, false, STRANGE.first - 1), (frame) => flags(frame, FIRST_FRAGMENT)),
    changed(sender.datagram(800, false), (frame) => {
      flags(frame, SECOND_FRAGMENT)
      frame.view.setUint16(frame.offset + PORTS + 2, STRANGE.second)
    }),
    changed(sender.datagram(100, false, STRANGE.multicast - 1), (frame) =>
      frame.view.setUint16(frame.offset, 0x0100),
    ),
    changed(sender.datagram(100, false, STRANGE.cut - 1), (frame) => (frame.length = PORTS + 5)),
    // To somebody who is not here: the bridge floods it.
    changed(sender.datagram(100, false, 4600), (frame) =>
      frame.view.setUint32(frame.offset + 2, 0x3e77_7777),
    ),
  ]
}

function changed(letter: Letter, change: (frame: Frame) => void): Letter {
  return {
    ...letter,
    write: (frame, number) => {
      letter.write(frame, number)
      change(frame)
    },
  }
}

function flags(frame: Frame, word: number): void {
  frame.view.setUint16(frame.offset + ETHERNET + IP_FLAGS, word)
  writeIpv4Checksum(frame.view, frame.offset + ETHERNET)
}

import type { Frame } from '@netaccel/core'
import { PacketInfo, parsePacket, verifyChecksum } from '@netaccel/packet'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface ToldWrong {
  readonly scene: Scene
  /** What a delivered frame said of itself that is not so. */
  readonly lies: readonly { readonly at: number; readonly sentence: string }[]
  /** Frames that were delivered by the fast path. */
  readonly seen: number
}

/** Senders that get their checksums wrong, beside others that get them right. */
export const toldWrong: Act<ToldWrong> = {
  name: 'told-wrong',
  title: 'frames from the wire whose checksums are wrong, missing and right',
  async run(kit) {
    const lies: ToldWrong['lies'][number][] = []
    let seen = 0
    const bench = await kit.bench({
      rig: around(() => ({
        queueDoors: (doors, vif) =>
          vary(doors, {
            deliver(frame) {
              seen += 1
              const lie = lieOf(frame)
              if (lie !== undefined) lies.push({ at: vif.now(), sentence: lie })
              doors.deliver(frame)
            },
          }),
      })),
    })
    await bench.load()
    bench.start({ flows: 8, gapNs: 40_000 })
    await bench.for(4)
    await bench.quiet()
    const sender = new Sender(bench)
    for (let round = 0; round < (kit.full ? 40 : 8); round += 1) {
      sender.send(
        sender.wrongSum(),
        sender.datagram(300, false),
        sender.datagram(40, true),
        sender.unsummed(),
      )
      sender.send(sender.segment(900, false), sender.padded(false), sender.fragment())
      await bench.for(0.5)
    }
    return { scene: await bench.finish('told-wrong'), lies, seen }
  },
}

const ETHERNET = 14
const info = new PacketInfo()

/** What is not so of what a frame says of itself. */
function lieOf(frame: Frame): string | undefined {
  const { length, checksum, gsoSize, segments } = frame
  if (!parsePacket(frame as never, info)) return undefined
  if (info.ipVersion !== 0 && info.l3Offset + info.ipLength > length)
    return `a frame of ${length} bytes has ${ETHERNET + info.ipLength} by its IP header`
  if (gsoSize === 0 && segments !== 1) return `a frame without gsoSize stands for ${segments} segments`
  if (gsoSize > 0 && segments !== Math.ceil(info.payloadLength / gsoSize))
    return `a frame of ${info.payloadLength} bytes of payload, ${gsoSize} each, stands for ${segments} segments`
  // The sum of a merged frame is nobody's: its parts were verified.
  if (checksum === 'verified' && segments === 1 && info.l4 && !verifyChecksum(frame as never, info))
    return `a frame of ${length} bytes is said to be verified, and its checksum is wrong`
  return undefined
}

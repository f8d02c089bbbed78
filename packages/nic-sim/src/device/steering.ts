import type { Frame } from '@netaccel/packet'
import { PacketInfo, parsePacket, plainIsTcp, plainTransport } from '@netaccel/packet'
import { RX_CHECKSUM_BAD, RX_CHECKSUM_OK, RX_IPV6, RX_TCP, RX_UDP } from '../constants.js'
import type { ChecksumVerdict } from './checksum-engine.js'
import { ChecksumEngine } from './checksum-engine.js'
import type { DeviceParts } from './device-parts.js'
import type { VirtualInterface } from './virtual-interface.js'

/** What the NIC finds of one frame: whose filter it hits, and what its event will say. */
export class Steering {
  /** RX_* of the event. */
  flags: number
  tagged: boolean
  private readonly device: DeviceParts
  private readonly checksums: ChecksumEngine
  private readonly info: PacketInfo

  constructor(device: DeviceParts) {
    this.flags = 0
    this.tagged = false
    this.device = device
    this.checksums = new ChecksumEngine(device.dma)
    this.info = new PacketInfo()
  }

  /** The live VI whose filter the frame hits; null: the frame is the driver domain's. `corrupt`: it is not summed. */
  target(frame: Frame, corrupt: boolean): VirtualInterface | null {
    const { device } = this
    const plain = plainTransport(frame)
    const slot = plain < 0 ? this.look(frame, corrupt) : this.lookPlain(frame, plain, corrupt)
    if (slot < 0) return null
    const vi = device.vis[device.filters.vi(slot)]
    return vi !== null && vi.state === 'live' ? vi : null
  }

  /** What nearly every frame is, without a PacketInfo. */
  private lookPlain(frame: Frame, plain: number, corrupt: boolean): number {
    const isTcp = plainIsTcp(plain)
    this.tagged = false
    this.flags = isTcp ? RX_TCP : RX_UDP
    if (!corrupt) this.flags |= verdictFlag(this.checksums.checkPlain(frame, plain))
    return this.device.filters.matchPlain(frame, isTcp)
  }

  private look(frame: Frame, corrupt: boolean): number {
    const { info } = this
    parsePacket(frame, info)
    this.tagged = info.vlanTags > 0
    this.flags = (info.isTcp ? RX_TCP : info.isUdp ? RX_UDP : 0) | (info.ipVersion === 6 ? RX_IPV6 : 0)
    if (!corrupt) this.flags |= verdictFlag(this.checksums.check(frame, info))
    return this.device.filters.match(frame, info)
  }
}

function verdictFlag(verdict: ChecksumVerdict): number {
  return verdict === 'ok' ? RX_CHECKSUM_OK : verdict === 'bad' ? RX_CHECKSUM_BAD : 0
}

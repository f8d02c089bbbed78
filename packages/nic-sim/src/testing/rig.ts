// Test set-up: a machine with a driver domain, a NIC with its driver, and guests that talk to their VI in raw bytes.
import type { Page } from '@netaccel/core'
import { mappedPageHandle } from '@netaccel/core'
import type { Frame, TcpOptions, UdpOptions } from '@netaccel/packet'
import { FramePool, parseIp, parseMac, writeTcp, writeUdp } from '@netaccel/packet'
import type { Arena, Engine, Extent, Timeline } from '@netaccel/xen'
import { GrantOps, GrantTable, Machine, MappedPage } from '@netaccel/xen'
import type { NicDeviceOptions } from '../index.js'
import { MachineBus, NicDevice, NicDriver } from '../index.js'

/** A driver domain and one NIC on a machine of its own; what it receives is kept as bytes. */
export class Host {
  readonly machine: Machine
  readonly extent: Extent
  readonly grants: GrantTable
  readonly ops: GrantOps
  readonly bus: MachineBus
  /** The driver domain's engine. */
  readonly dom0: Engine
  readonly device: NicDevice
  readonly driver: NicDriver
  readonly rxPool: FramePool<Arena>
  readonly txPool: FramePool<Arena>
  readonly received: Uint8Array[] = []
  readonly checksums: string[] = []

  constructor(
    timeline: Timeline,
    name: string,
    options: Partial<NicDeviceOptions> = {},
    frames: { rx?: number; tx?: number; txBytes?: number; txDepth?: number } = {},
  ) {
    const { rx = 256, tx = 256, txBytes = 2048, txDepth } = frames
    this.machine = new Machine({ bytes: 10 << 20, name })
    this.extent = this.machine.createExtent(0, 1400)
    this.grants = new GrantTable(this.machine, this.extent)
    this.ops = new GrantOps(this.machine, 0)
    this.bus = new MachineBus({ machine: this.machine, domid: 0 })
    const engine = timeline.engine(`${name}-eth0`)
    this.device = new NicDevice({ name: 'eth0', engine, bus: this.bus, mac: '00:0f:53:00:00:01', ...options })
    this.rxPool = this.pool(rx, 2048)
    this.txPool = this.pool(tx, txBytes)
    this.dom0 = timeline.engine(`${name}-dom0`)
    this.driver = new NicDriver({
      engine: this.dom0,
      device: this.device,
      bus: this.bus,
      extent: this.extent,
      pool: this.rxPool,
      ...(txDepth !== undefined && { txDepth }),
    })
    this.driver.onReceive = (frame) => {
      this.received.push(bytesOf(frame))
      this.checksums.push(frame.checksum)
      frame.release()
    }
  }

  pool(frames: number, bytesEach: number): FramePool<Arena> {
    const stride = bytesEach >= 4096 ? Math.ceil(bytesEach / 4096) * 4096 : bytesEach
    const arena = this.extent.allocPages(Math.ceil((frames * stride) / 4096))
    return new FramePool(arena, { frames, bytesEach })
  }

  /** Sends a frame of the driver domain; 'full' is left to the caller. */
  send(write: (frame: Frame) => void): 'taken' | 'full' {
    const frame = this.txPool.take()
    if (frame === undefined) throw new Error('the test sends more frames than its pool has')
    write(frame)
    const answer = this.driver.transmit(frame)
    if (answer === 'full') frame.release()
    return answer
  }
}

export function bytesOf(frame: Frame): Uint8Array {
  return frame.bytes.slice(frame.offset, frame.offset + frame.length)
}

const BASE = {
  sourceMac: parseMac('00:0f:53:00:00:01'),
  destinationMac: parseMac('00:16:3e:00:00:01'),
  source: parseIp('10.0.0.1'),
  destination: parseIp('10.0.0.2'),
  sourcePort: 1000,
  destinationPort: 2000,
}

export function udp(payload: Uint8Array, more: Partial<UdpOptions> = {}): (frame: Frame) => void {
  return (frame) => writeUdp(frame, { ...BASE, payload, ...more })
}

export function tcp(payload: Uint8Array, more: Partial<TcpOptions> = {}): (frame: Frame) => void {
  return (frame) => writeTcp(frame, { ...BASE, sequence: 1, payload, ...more })
}

/** The key of the flow that {@link udp} and {@link tcp} write. */
export function key(
  protocol: 6 | 17,
  destinationPort = 2000,
): {
  protocol: 6 | 17
  destination: string
  destinationPort: number
} {
  return { protocol, destination: '10.0.0.2', destinationPort }
}

/** Bytes that tell their place: a byte out of order shows. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8) * 13 + seed * 31) & 0xff)
}

/** What a frame looks like when `write` wrote it. */
export function written(write: (frame: Frame) => void, room = 70_000): Uint8Array {
  const bytes = new Uint8Array(room)
  const pool = new FramePool(
    { view: new DataView(bytes.buffer), bytes, offset: 0, length: room },
    { frames: 1, bytesEach: room - 8192 },
  )
  const frame = pool.take() as Frame
  write(frame)
  return bytesOf(frame)
}

/** Grants pages of one domain to another, which maps them. */
export function share(
  host: Host,
  from: GrantTable,
  fromId: number,
  to: GrantOps,
  pages: readonly Page[],
): MappedPage[] {
  return pages.map((page) => {
    const ref = from.grant(to.domid, page, 'rw')
    const mapped = to.map(fromId, ref, 'rw')
    if (!(mapped instanceof MappedPage))
      throw new Error(`mapping grant ${ref} of ${host.machine.name} gave ${mapped}`)
    return mapped
  })
}

/** The handle of a mapped page, as the host's doors give it. */
export function handleOf(page: MappedPage): Page {
  return mappedPageHandle(page)
}

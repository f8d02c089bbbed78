import type { BackendPort, Frame } from '@netaccel/core'
import {
  ARP_REPLY,
  ARP_REQUEST,
  ETH_DESTINATION,
  ETH_HEADER,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERTYPE_ARP,
  isBroadcastMac,
  isGratuitousArp,
  isIpv4Arp,
  readArpOperation,
} from '@netaccel/core'
import { FilterKey } from '../shared/filter-key.js'
import type { MacWords } from '../shared/words.js'
import { ForwardingTable } from './forwarding-table.js'

const MULTICAST = 0x0100
const ARP_BYTES = 28

/** A guest of this port whose VI works. */
export interface PortGuest {
  /** A frame of this flow came for the guest by the slow way. */
  arrived(ip: number, ports: number): void
  /** This address is on our side of the port. */
  isLocal(high: number, low: number): void
  /** A VI of this port has this address: what is for it may go by the NIC. */
  isNear(high: number, low: number): void
}

/**
 * One port of the NIC, as far as this half looks at it: which guests have which addresses, what comes in for them, and
 * which addresses show themselves on our side. It looks and never touches.
 */
export class WatchedPort {
  readonly name: string
  readonly guests: ForwardingTable<PortGuest>
  private readonly key = new FilterKey()
  private readonly rxPackets: { value: number }
  private readonly txPackets: { value: number }
  private readonly badPackets: { value: number }

  constructor(port: BackendPort) {
    this.name = port.name
    this.guests = new ForwardingTable(port.counter('num_fwds'))
    this.rxPackets = port.counter('dl_rx_packets')
    this.txPackets = port.counter('dl_tx_packets')
    this.badPackets = port.counter('dl_tx_bad_packets')
    port.observe({
      received: (frame) => this.received(frame),
      transmitted: (frame) => this.transmitted(frame),
    })
  }

  /** Frames for this guest's address may be steered to it from now on. */
  join(mac: MacWords, guest: PortGuest): void {
    this.guests.point(mac, guest)
  }

  /** No more; those who were told that it is near go back to the bridge. */
  leave(mac: MacWords): void {
    if (this.guests.lookup(mac.high, mac.low) === null) return
    this.guests.point(mac, null)
    this.guests.each((guest) => guest.isLocal(mac.high, mac.low))
  }

  /**
   * A guest sends a frame by its ring. If it is for another guest with a VI of this port, the next ones need not pass the
   * bridge: the NIC switches between its VIs.
   */
  sentSlowly({ view, offset, length }: Frame, sender: PortGuest): void {
    if (length < ETH_HEADER) return
    const to = offset + ETH_DESTINATION
    const high = view.getUint16(to)
    if ((high & MULTICAST) !== 0) return
    const low = view.getInt32(to + 2)
    const guest = this.guests.lookup(high, low)
    if (guest !== null && guest !== sender) sender.isNear(high, low)
  }

  /** A frame came in and goes the slow way: the first of its flow, if it could have gone to a VI. */
  private received(frame: Frame): void {
    this.rxPackets.value++
    if (frame.length < ETH_HEADER) return
    const { view, offset } = frame
    const to = offset + ETH_DESTINATION
    const high = view.getUint16(to)
    if ((high & MULTICAST) !== 0) return
    const guest = this.guests.lookup(high, view.getInt32(to + 2))
    if (guest === null) return
    const { key } = this
    if (key.read(frame)) guest.arrived(key.ip, key.ports)
  }

  /**
   * A frame leaves by the slow way. Its sender is on our side, which a guest that learnt it as remote must forget. Only
   * frames by which a host shows itself are looked at: broadcast ARP replies, and requests for one's own address, which is
   * how most systems announce themselves today (the original knew the replies alone).
   */
  private transmitted(frame: Frame): void {
    this.txPackets.value++
    const { view, offset, length } = frame
    if (length < ETH_HEADER) {
      this.badPackets.value++
      return
    }
    if (
      view.getUint16(offset + ETH_TYPE) !== ETHERTYPE_ARP ||
      !isBroadcastMac(view, offset + ETH_DESTINATION)
    )
      return
    const arp = offset + ETH_HEADER
    if (length < ETH_HEADER + ARP_BYTES || !isIpv4Arp(view, arp)) return
    const operation = readArpOperation(view, arp)
    if (operation !== ARP_REPLY && !(operation === ARP_REQUEST && isGratuitousArp(view, arp))) return
    const from = offset + ETH_SOURCE
    const high = view.getUint16(from)
    const low = view.getInt32(from + 2)
    this.guests.each((guest) => guest.isLocal(high, low))
  }
}

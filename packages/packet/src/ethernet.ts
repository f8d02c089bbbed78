/**
 * The Ethernet header (IEEE 802.3) as bytes: named offsets and functions over a memory and the place where the
 * frame begins. Nothing here checks lengths; {@link parsePacket} does, once, at the border.
 */

export const ETH_DESTINATION = 0
export const ETH_SOURCE = 6
export const ETH_TYPE = 12
export const ETH_HEADER = 14
/** One 802.1Q tag: tag control information and the type that follows it. */
export const VLAN_TAG = 4
/** Least bytes of a frame on the wire, without the frame check sequence. */
export const ETH_MIN_FRAME = 60

export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_ARP = 0x0806
export const ETHERTYPE_VLAN = 0x8100
export const ETHERTYPE_IPV6 = 0x86dd
export const ETHERTYPE_QINQ = 0x88a8

export function readEtherType(view: DataView, at: number): number {
  return view.getUint16(at + ETH_TYPE)
}

export function writeEtherType(view: DataView, at: number, type: number): void {
  view.setUint16(at + ETH_TYPE, type)
}

/** First four and last two bytes of a MAC: two numbers compare faster than six. `at` is the address itself. */
export function readMacHigh(view: DataView, at: number): number {
  return view.getUint32(at)
}

export function readMacLow(view: DataView, at: number): number {
  return view.getUint16(at + 4)
}

export function writeMac(view: DataView, at: number, mac: Uint8Array): void {
  for (let i = 0; i < 6; i++) view.setUint8(at + i, mac[i])
}

/** True if the MAC at `at` is `mac`. */
export function macEquals(view: DataView, at: number, mac: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (view.getUint8(at + i) !== mac[i]) return false
  return true
}

/** True for multicast and broadcast: the group bit of the first byte. */
export function isMulticastMac(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 1) !== 0
}

export function isBroadcastMac(view: DataView, at: number): boolean {
  return view.getUint32(at) === 0xffffffff && view.getUint16(at + 4) === 0xffff
}

/** The whole 14-byte header. */
export function writeEthernet(
  view: DataView,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
): void {
  writeMac(view, at + ETH_DESTINATION, destination)
  writeMac(view, at + ETH_SOURCE, source)
  view.setUint16(at + ETH_TYPE, type)
}

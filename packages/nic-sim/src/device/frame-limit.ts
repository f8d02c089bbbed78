import type { Frame } from '@netaccel/packet'
import { ETH_HEADER, ETHERTYPE_QINQ, ETHERTYPE_VLAN, readEtherType, VLAN_TAG } from '@netaccel/packet'

/** Longest frame that a wire of this MTU carries with this one's ethertype: a tag does not count (IEEE 802.3 §3.2.7). */
export function longestFrame(frame: Frame, mtu: number): number {
  const longest = mtu + ETH_HEADER
  if (frame.length < ETH_HEADER) return longest
  const type = readEtherType(frame.view, frame.offset)
  return type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ ? longest + VLAN_TAG : longest
}

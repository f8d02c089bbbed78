// Which checksums a guest fills in itself: Xen public/io/netif.h, feature-no-csum-offload and feature-ipv6-csum-offload.
import {
  ETH_HEADER,
  ETHERTYPE_IPV6,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
  readEtherType,
  VLAN_TAG,
} from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { GuestFeatures } from './features.js'

/** As many tags as a frame with a blank checksum can have: an outer and an inner one. */
const MAX_TAGS = 2

/** Whether the guest takes this frame with its checksum blank; by the type behind the tags, as its own stack judges. */
export function takesBlank(frame: Frame, features: GuestFeatures): boolean {
  const { view, offset, length } = frame
  let at = ETH_HEADER
  let type = readEtherType(view, offset)
  for (let tags = 0; tags < MAX_TAGS && (type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ); tags++) {
    at += VLAN_TAG
    if (at > length) break
    type = readEtherType(view, offset + at - ETH_HEADER)
  }
  return type === ETHERTYPE_IPV6 ? features.ipv6Checksum : features.ipv4Checksum
}

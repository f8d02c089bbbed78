/** What a guest takes, by the keys it wrote; fixed when it connects (Xen public/io/netif.h). */
export interface GuestFeatures {
  readonly sg: boolean
  readonly gsoTcpv4: boolean
  readonly gsoTcpv6: boolean
  /** Blank checksums of IPv4 (not feature-no-csum-offload) and IPv6 (feature-ipv6-csum-offload). */
  readonly ipv4Checksum: boolean
  readonly ipv6Checksum: boolean
  /** It tells when it posts pages; without that a frame waits 30 ms for slots instead of 10 s. */
  readonly rxNotify: boolean
}

/** How long a frame waits for slots, ns (Linux rx_drain_timeout_msecs). */
export function drainTimeout(features: GuestFeatures): number {
  return features.rxNotify ? 10e9 : 30e6
}

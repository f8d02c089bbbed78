// Traffic of the acts that fill rings: the kit's own, so that no rule is judged by what a trial of the host has need of.

/** Of every kind, mostly what an accelerator takes, in bursts that are longer than a small ring. */
export const CROWD = {
  flows: 32,
  mix: { tcp: 0.25, tcp6: 0.02, udp: 0.25, short: 0.45, icmp: 0.02, arp: 0.01 },
  burst: 160,
} as const

/** A wire for it: so slow that a burst stands everywhere on its way for a while. */
export const SLOW_WIRE = { gbps: 2.5, delayUs: 400 } as const

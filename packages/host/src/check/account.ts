import type { DropEntry, DropReason } from '@netaccel/core'

/** What one side of a link has counted: wire segments and bytes. */
export interface Amount {
  readonly segments: number
  readonly bytes: number
}

/**
 * One account of the ledger: what two neighbouring stages say of the link between them. `in` is counted by the one, `out`
 * by the other; what is in neither `out` nor `dropped` is in flight. `bytes` is null where cutting or merging changes
 * the number of header bytes on purpose.
 */
export interface Account {
  readonly name: string
  readonly in: number
  readonly out: number
  readonly dropped: number
  readonly inFlight: number
  /** Of `dropped`: what no stage has counted, because it was lost with a guest or with a connection. */
  readonly lost?: { readonly reason: DropReason; readonly segments: number }
  readonly bytes: { readonly in: number; readonly out: number; readonly dropped: number } | null
}

/** An account of segments and bytes. */
export function account(name: string, entered: Amount, left: Amount, dropped: Amount): Account {
  return {
    ...segmentAccount(name, entered.segments, left.segments, dropped.segments),
    bytes: { in: entered.bytes, out: left.bytes, dropped: dropped.bytes },
  }
}

/** An account of segments alone: a stage in it cuts or merges. */
export function segmentAccount(name: string, entered: number, left: number, dropped: number): Account {
  return { name, in: entered, out: left, dropped, inFlight: entered - left - dropped, bytes: null }
}

/** Nothing is in flight and nothing is unaccounted for. */
export function balanced({ inFlight, bytes }: Account): boolean {
  return inFlight === 0 && (bytes === null || bytes.in === bytes.out + bytes.dropped)
}

/** What was dropped for reasons whose names begin with one of `prefixes`. */
export function dropped(entries: readonly DropEntry[], ...prefixes: string[]): Amount {
  const found = entries.filter(({ reason }) => prefixes.some((prefix) => reason.startsWith(prefix)))
  return total(found)
}

export function total(amounts: readonly Amount[]): Amount {
  return {
    segments: amounts.reduce((sum, { segments }) => sum + segments, 0),
    bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** netfront's word on an answer of the backend, which has counted the same drop under its own reason. */
export const TOLD_BY_BACKEND: readonly DropReason[] = [
  'netfront_tx_backend_error',
  'netfront_tx_backend_dropped',
]

import type { Extent, GrantCopyBatch, GrantOps, GrantTable } from '@netaccel/xen'

/** The part of a store transaction that doors and attachments use. */
export interface DoorTransaction {
  /** Undefined: no such node. */
  read(path: string): Promise<string | undefined>
  write(path: string, value: string): Promise<void>
  rm(path: string): Promise<void>
  /** Names of the nodes below one. */
  directory(path: string): Promise<string[]>
}

/** A watch in being. */
export interface DoorWatch {
  unwatch(): Promise<void>
}

/** The part of a store client that doors and attachments use; `XenstoreClient` of package xen is one. */
export interface DoorStore {
  read(path: string): Promise<string | undefined>
  /** Runs `work` until its transaction commits without a conflict. */
  transaction<T>(work: (tx: DoorTransaction) => Promise<T>): Promise<T>
  /** Fires once at once, then at each change. */
  watch(path: string, fn: (path: string, token: string) => void): Promise<DoorWatch>
}

/** The part of a domain's event channels that doors use. */
export interface DoorEvents {
  /** A port that `remote` may bind to. Throws when none is left. */
  allocUnbound(remote: number, handler: () => void): number
  /** Undefined: `remote` has no such port for this domain. */
  bindInterdomain(remote: number, remotePort: number, handler: () => void): number | undefined
  notify(port: number): void
  mask(port: number): void
  unmask(port: number): void
  close(port: number): void
}

/** The part of a domain that doors and attachments use; `Domain` of package xen is one. */
export interface DoorDomain {
  readonly id: number
  readonly name: string
  readonly extent: Extent
  readonly grants: GrantTable
  readonly grantOps: GrantOps
  copyBatch(): GrantCopyBatch
  readonly events: DoorEvents
  readonly store: DoorStore
}

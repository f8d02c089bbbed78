import type { HalfStatus, LeakedHalf } from '@netaccel/core'
import { eventLoopTurn } from '@netaccel/xen'
import type { Host } from './host.js'
import { type Target, targetsOf } from './loading.js'

/** A generation that was unloaded and is still reachable. */
export interface LeakedIn extends LeakedHalf {
  /** `a.guest1`, or `a.driver` for the driver domain of host a. */
  readonly place: string
}

/** What a proof found in all domains. */
export interface WorldProof {
  /** Generations that were collected since the last proof. */
  readonly proven: number
  readonly leaked: readonly LeakedIn[]
}

/** A generation, and the domain that it is in. */
export interface HalfIn extends HalfStatus {
  readonly place: string
}

/** What stands, waits, drains, or is not proven gone, in all domains: the driver domains' first. */
export function halvesOn(hosts: readonly Host[]): HalfIn[] {
  return loadersOn(hosts).flatMap(({ place, loader }) => loader.status().map((half) => ({ ...half, place })))
}

export async function proveAll(hosts: readonly Host[]): Promise<WorldProof> {
  const leaked: LeakedIn[] = []
  let proven = 0
  for (const { place, loader } of loadersOn(hosts)) {
    const report = await loader.prove(eventLoopTurn)
    proven += report.proven
    leaked.push(...report.leaked.map((half) => ({ ...half, place })))
  }
  return { proven, leaked }
}

function loadersOn(hosts: readonly Host[]): Target[] {
  return [...targetsOf(hosts, 'backend'), ...targetsOf(hosts, 'frontend')]
}

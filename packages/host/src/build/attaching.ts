import { HostError } from '../errors.js'
import type { Host } from './host.js'

/** How long attaching may take before it is given up, in ns: the deadlines of its steps, added up. */
const ATTACH_NS = 12_000_000_000
/** After so long a port that no half has opened is not one that is still being opened. */
const OPEN_NS = 300_000_000
const LOOK_NS = 50_000
/** What has not attached after this long waits for a deadline: it is looked at more seldom. */
const SOON_NS = 50_000_000
const LATER_LOOK_NS = 1_000_000

/** Where a vif stands with an accelerator. */
interface Standing {
  readonly path: string
  readonly phase: string
  /** Its port was opened by the accelerator's backend half. */
  readonly offered: boolean
  /** Why it does not use it, as far as either end knows. */
  readonly refusal: string | undefined
}

function standings(hosts: readonly Host[], name: string): Standing[] {
  return hosts.flatMap((host) =>
    [...host.guests.values()].flatMap((guest) =>
      [...guest.vifs.values()].map(({ path, vif }) => {
        const back = host.netback.vif(guest.domain.id, vif.handle)
        const backend = back === undefined ? undefined : host.plugins.accelerators.control(back)
        const offered = backend?.accelerator === name
        const control = guest.plugins.accelerators.control(vif)
        const phase = control?.phase ?? 'none'
        // A backend half that does not probe is never seen by the guest.
        const refusal = backend?.refusal ?? (phase === 'declined' ? control?.refusal : undefined)
        return { path, phase, offered, refusal: offered ? refusal : undefined }
      }),
    ),
  )
}

/** The vifs that use the accelerator now. */
export function usersOf(hosts: readonly Host[], name: string): ReadonlySet<string> {
  const using = standings(hosts, name).filter(({ offered, phase }) => offered && phase === 'active')
  return new Set(using.map(({ path }) => path))
}

/**
 * Wait until every vif to which the accelerator was offered uses it; or, when `wanted` names vifs, until these do. A vif
 * that was refused, or declined, ends the wait.
 * @throws HostError ATTACH_FAILED with each vif that does not use it, and why
 */
export async function attached(
  hosts: readonly Host[],
  name: string,
  wanted?: ReadonlySet<string>,
): Promise<void> {
  const { engine } = hosts[0].driver
  const began = engine.now()
  for (;;) {
    const concerned = standings(hosts, name).filter(({ path, offered }) => wanted?.has(path) ?? offered)
    const missing = concerned.filter(({ phase, offered }) => phase !== 'active' || !offered)
    if (missing.length === 0) return
    const waited = engine.now() - began
    const decided = missing.some(
      ({ phase, offered, refusal }) =>
        (offered && (phase === 'declined' || refusal !== undefined)) || (!offered && waited > OPEN_NS),
    )
    if (waited > ATTACH_NS || decided) throw notAttached(name, missing)
    await new Promise<void>((resolve) => engine.after(waited < SOON_NS ? LOOK_NS : LATER_LOOK_NS, resolve))
  }
}

function notAttached(name: string, missing: readonly Standing[]): HostError {
  const problems = missing.map(({ path, phase, offered, refusal }) => {
    const why = refusal ?? (offered ? undefined : 'its port was not opened')
    return why === undefined ? `${path} is ${phase}` : `${path} is ${phase}: ${why}`
  })
  return new HostError(
    'ATTACH_FAILED',
    `${name} did not attach everywhere: ${problems.join('; ')}. The slow path goes on.`,
    problems,
  )
}

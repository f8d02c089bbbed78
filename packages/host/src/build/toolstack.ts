import { type Domain, XenbusState } from '@netaccel/xen'

/** A virtual interface as the toolstack asks for it. */
export interface VifRequest {
  readonly handle: number
  readonly mac: string
  readonly mtu: number
  /** Port whose accelerator the vif is to use. */
  readonly accel?: string
}

function frontendPath(guest: Domain, handle: number): string {
  return `/local/domain/${guest.id}/device/vif/${handle}`
}

export function backendPath(driver: Domain, guest: Domain, handle: number): string {
  return `/local/domain/${driver.id}/backend/vif/${guest.id}/${handle}`
}

/**
 * Write the two directories of a vif in one transaction, as libxl does (libxl_nic.c, libxl_device.c): the frontend's is
 * the guest's and readable to the backend, the backend's is the driver domain's and readable to the guest; what the
 * guest may not change (mac, mtu, handle) belongs to the backend's domain.
 */
export async function createVif(driver: Domain, guest: Domain, request: VifRequest): Promise<void> {
  const { handle, mac, mtu, accel } = request
  const front = frontendPath(guest, handle)
  const back = backendPath(driver, guest, handle)
  const frontPerms = [
    { domid: guest.id, letter: 'n' },
    { domid: driver.id, letter: 'r' },
  ] as const
  const backPerms = [
    { domid: driver.id, letter: 'n' },
    { domid: guest.id, letter: 'r' },
  ] as const
  await driver.store.transaction(async (tx) => {
    await tx.mkdir(back)
    await tx.setPerms(back, [...backPerms])
    await tx.writeAll(
      entries(back, {
        frontend: front,
        'frontend-id': String(guest.id),
        online: '1',
        state: '1',
        script: 'netaccel-bridge',
        type: 'vif',
        bridge: 'bridge',
        handle: String(handle),
        mac,
      }),
    )
    if (accel !== undefined) await tx.write(`${back}/accel`, accel)
    await tx.mkdir(front)
    await tx.setPerms(front, [...frontPerms])
    await tx.writeAll(entries(front, { backend: back, 'backend-id': String(driver.id), state: '1' }))
    for (const [path, value] of Object.entries(
      entries(front, { handle: String(handle), mac, mtu: String(mtu) }),
    )) {
      await tx.write(path, value)
      await tx.setPerms(path, [...backPerms])
    }
  })
}

/** How long a guest may take to close a device that is unplugged, in ns; libxl waits 10 s. */
const PATIENCE_NS = 10_000_000_000
const LOOK_NS = 100_000

/**
 * Unplug a vif as libxl does (libxl_device.c, libxl__initiate_device_generic_remove): the backend turns to Closing with
 * `online` 0, the guest closes its end, then both directories go. A guest that does not close is waited for 10 s.
 * Settles when the guest has closed; its end and ours are removed by their drivers.
 */
export async function removeVif(driver: Domain, guest: Domain, handle: number): Promise<void> {
  const { store, engine } = driver
  const back = backendPath(driver, guest, handle)
  const front = frontendPath(guest, handle)
  await store.transaction(async (tx) => {
    if ((await tx.read(`${back}/state`)) === undefined) return
    await tx.write(`${back}/online`, '0')
    await tx.write(`${back}/state`, String(XenbusState.Closing))
  })
  const end = engine.now() + PATIENCE_NS
  while (engine.now() < end && isOpen(await store.read(`${front}/state`)))
    await new Promise<void>((resolve) => engine.after(LOOK_NS, resolve))
  await store.transaction(async (tx) => {
    for (const directory of [front, back])
      if ((await tx.read(directory)) !== undefined) await tx.rm(directory)
  })
}

function isOpen(state: string | undefined): boolean {
  return state !== undefined && state !== String(XenbusState.Closed)
}

/** Write the key `accel` of a vif, or remove it. */
export async function writeAccel(
  driver: Domain,
  guest: Domain,
  handle: number,
  nic: string | undefined,
): Promise<void> {
  const key = `${backendPath(driver, guest, handle)}/accel`
  if (nic !== undefined) return driver.store.write(key, nic)
  if ((await driver.store.read(key)) !== undefined) await driver.store.rm(key)
}

function entries(directory: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${directory}/${key}`, value]))
}

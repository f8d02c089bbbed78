// What a toolstack writes for a domain, and takes away: libxl's libxl_create.c and libxl_device.c.
import type { XenstoreClient } from './xenstore/client.js'
import { domainPath } from './xenstore/paths.js'

/** Directories that the domain itself may write. */
const OWN = ['control', 'data', 'error']

/**
 * Makes `/local/domain/<id>`: readable by the domain, with `name`, `domid`, an empty `device` for the frontends it will
 * be given, and the directories that are its own.
 */
export async function makeDomainDirectory(store: XenstoreClient, domid: number, name: string): Promise<void> {
  const path = domainPath(domid)
  await store.transaction(async (tx) => {
    await tx.mkdir(path)
    await tx.setPerms(path, [
      { domid: 0, letter: 'n' },
      { domid, letter: 'r' },
    ])
    await tx.writeAll({ [`${path}/name`]: name, [`${path}/domid`]: String(domid) })
    await tx.mkdir(`${path}/device`)
    for (const own of OWN) {
      await tx.mkdir(`${path}/${own}`)
      await tx.setPerms(`${path}/${own}`, [{ domid, letter: 'n' }])
    }
  })
}

/**
 * Removes the directory of a dead domain, frontends and all, and tells the backends made for it that they are to go
 * (`online` = 0). Returns their directories, for removal once they have let go.
 */
export async function removeFrontends(store: XenstoreClient, domid: number): Promise<string[]> {
  const backends = await backendsOf(store, domid)
  await store.transaction(async (tx) => {
    for (const path of backends)
      if ((await tx.read(`${path}/state`)) !== undefined) await tx.write(`${path}/online`, '0')
    await tx.rm(domainPath(domid))
  })
  return backends
}

/** Backend directories made for a guest: what its device directories name. */
async function backendsOf(store: XenstoreClient, domid: number): Promise<string[]> {
  const root = `${domainPath(domid)}/device`
  const paths: string[] = []
  for (const type of await store.directory(root))
    for (const handle of await store.directory(`${root}/${type}`)) {
      const backend = await store.read(`${root}/${type}/${handle}/backend`)
      if (backend !== undefined && isBackendFor(backend, domid)) paths.push(backend)
    }
  return paths
}

/** The guest may have written the path: only a directory that was made for this very guest is taken. */
function isBackendFor(path: string, domid: number): boolean {
  return /^\/local\/domain\/\d+\/backend\/[^/]+\/(\d+)\/[^/]+$/.exec(path)?.[1] === String(domid)
}

// The nodes of the store that are a guest's own: the directory `data` in its own (xenstore-paths: ~/data).
import type { Domain } from '@netaccel/xen'

/** Path below `data`, and value. */
export type GuestData = Readonly<Record<string, string>>

const rootOf = ({ id }: Domain): string => `/local/domain/${id}/data`

/** Read with the rights of the guest. */
export async function dataOf(domain: Domain): Promise<GuestData> {
  const { store } = domain
  const found: Record<string, string> = {}
  const visit = async (path: string, below: string): Promise<void> => {
    for (const name of await store.directory(path)) {
      const value = await store.read(`${path}/${name}`)
      if (value !== undefined) found[`${below}${name}`] = value
      await visit(`${path}/${name}`, `${below}${name}/`)
    }
  }
  await visit(rootOf(domain), '')
  return found
}

/** Written with the rights of the guest, whoever the nodes are from. */
export async function writeData(domain: Domain, data: GuestData): Promise<void> {
  const entries = Object.entries(data).map(([path, value]) => [`${rootOf(domain)}/${path}`, value])
  if (entries.length > 0) await domain.store.writeAll(Object.fromEntries(entries) as GuestData)
}

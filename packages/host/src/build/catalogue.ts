import { resolve } from 'node:path'
import type { Catalogue, LoadOptions, PluginPackage } from '@netaccel/core'

/** The packages that the domains of a world may load: one shelf, as a machine has one `/lib/modules`. */
export class Shelf implements Catalogue {
  readonly #packages = new Map<string, PluginPackage>()
  readonly #options = new Map<string, LoadOptions>()

  /**
   * Put a package on the shelf, in the place of another of its name, with what its halves are to be told. Returns how to put
   * the other back.
   */
  put(plugin: PluginPackage, options: LoadOptions = {}): () => void {
    const { name } = plugin.manifest
    const other = this.#packages.get(name)
    const told = this.#options.get(name)
    this.#packages.set(name, plugin)
    this.#options.set(name, options)
    return () => {
      if (other === undefined) this.#packages.delete(name)
      else this.put(other, told)
    }
  }

  /** As `modprobe.d` gives options to modules. */
  readonly optionsOf = (name: string): LoadOptions => this.#options.get(name) ?? {}

  /** The name under which a package's halves are known, given its own or its folder; anything else is taken for such a name. */
  nameOf(packageName: string): string {
    const folder = resolve(packageName)
    const found = [...this.#packages.values()].find(
      (plugin) => plugin.packageName === packageName || plugin.files.from === folder,
    )
    return found?.manifest.name ?? packageName
  }

  /** One of the packages carries frames with no VI of a NIC: between guests, or over something of its own. */
  get carriesPastNics(): boolean {
    return [...this.#packages.values()].some(({ manifest: { capabilities } }) => {
      const carries = capabilities.includes('tx') || capabilities.includes('rx')
      return carries && !capabilities.includes('vi')
    })
  }

  find(name: string, version?: string): PluginPackage | undefined {
    const found = this.#packages.get(name)
    return version === undefined || found?.packageVersion === version ? found : undefined
  }
}

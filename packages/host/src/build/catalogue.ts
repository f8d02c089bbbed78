import type { Catalogue, PluginPackage } from '@netaccel/core'

/** The packages that the domains of a world may load: one shelf, as a machine has one `/lib/modules`. */
export class Shelf implements Catalogue {
  readonly #packages = new Map<string, PluginPackage>()

  /** Put a package on the shelf, in the place of another of its name. */
  put(plugin: PluginPackage): void {
    this.#packages.set(plugin.manifest.name, plugin)
  }

  find(name: string, version?: string): PluginPackage | undefined {
    const found = this.#packages.get(name)
    return version === undefined || found?.packageVersion === version ? found : undefined
  }
}

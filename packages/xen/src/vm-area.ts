import { XenError } from './errors.js'
import { PAGE_SIZE } from './memory.js'
import { addVmTable, ownPage, removeVmTable, VM_TABLE_PAGES, vmAddress, vmTable } from './vm-tables.js'
import type { Machine } from './machine.js'
import type { Page } from './memory.js'

/**
 * Addresses of a domain behind which there is no memory of its own: each page of the area shows one page of the machine,
 * a granted one or one of the domain's, or nothing. What a paravirtual Linux gets from alloc_vm_area.
 *
 * There is no MMU here, so whoever reads at such an address asks {@link table} where the page is: **once for each access,
 * and keeps nothing**, since between two of them GNTTABOP_unmap_and_replace may have put another page there.
 */
export class VmArea {
  readonly pages: number
  /** Word i: machine byte offset of what page i shows; 0: nothing. The hypervisor's: to be read. */
  readonly table: Int32Array
  readonly #machine: Machine
  readonly #domid: number
  readonly #number: number
  #disposed = false

  /** Takes a page of the machine for each area, and some with a domain's first. Throws BAD_ARGUMENT, NO_MEMORY. */
  constructor(machine: Machine, domid: number, pages: number) {
    if (!(Number.isInteger(pages) && pages >= 1 && pages <= VM_TABLE_PAGES))
      throw new XenError('BAD_ARGUMENT', `a VM area has 1 to ${VM_TABLE_PAGES} pages, not ${pages}`)
    const number = addVmTable(machine, domid)
    if (number < 0)
      throw new XenError(
        'NO_MEMORY',
        `domain ${domid} has as many VM areas as there can be: dispose of one first`,
      )
    this.pages = pages
    this.table = new Int32Array(machine.buffer, vmTable(machine, domid, number), pages)
    this.#machine = machine
    this.#domid = domid
    this.#number = number
  }

  /** The address of a page, for grant operations. */
  addressOf(page: number): number {
    return vmAddress(this.#number, page)
  }

  /**
   * Show a page of the domain's own memory there (HYPERVISOR_update_va_mapping). Throws BAD_PAGE when something is shown
   * already, or the page is not the domain's.
   */
  show(page: number, own: Page): void {
    const place = ownPage(this.#machine, this.#domid, own)
    if (!(page >= 0 && page < this.pages) || this.table[page] !== 0 || place < 0)
      throw new XenError(
        'BAD_PAGE',
        `page ${own} cannot be shown at page ${page} of a VM area of ${this.pages}`,
      )
    this.table[page] = place
  }

  /** Show nothing there any more. Throws BAD_PAGE when it shows a grant, which is to be unmapped. */
  hide(page: number): void {
    const extent = this.#machine.extentOf(this.#domid)
    const place = this.table[page]
    if (place !== 0 && !(place >= extent.base && place < extent.base + extent.length))
      throw new XenError('BAD_PAGE', `page ${page} of a VM area shows a grant: unmap it`)
    this.table[page] = 0
  }

  /** Gives the addresses back. Throws IN_USE while one of them shows a page: a mapping would be lost. */
  dispose(): void {
    if (this.#disposed) return
    const shown = this.table.findIndex((place) => place !== 0)
    if (shown >= 0)
      throw new XenError(
        'IN_USE',
        `page ${shown} of a VM area shows machine page ${this.table[shown] / PAGE_SIZE}: unmap it`,
      )
    this.#disposed = true
    removeVmTable(this.#machine, this.#domid, this.#number)
  }
}

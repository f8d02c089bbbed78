// The page tables of a domain's VM areas. They are the hypervisor's: a domain changes them by hypercalls alone, as a
// paravirtual kernel does (Xen xen/arch/x86/pv/mm.c).
import {
  DOMAIN_EXTENT_PAGES,
  DOMAIN_IOMMU,
  DOMAIN_VM_DIRECTORY,
  DOMAIN_VM_TABLES,
  VM_HIGH,
  VM_TABLE_SHIFT,
} from './hypervisor-layout.js'
import { PAGE_SHIFT, PAGE_SIZE } from './memory.js'
import { addShared } from './shared-word.js'
import type { Machine } from './machine.js'

/** Pages that one table says of, and so the most of one area. */
export const VM_TABLE_PAGES = 1 << VM_TABLE_SHIFT
/** Tables that the directory's page has room for. */
const MOST_TABLES = PAGE_SIZE >> 2
const LOW_WORD = 2 ** 32

/** The address of page `page` of table `table`. */
export function vmAddress(table: number, page: number): number {
  return VM_HIGH * LOW_WORD + (table * VM_TABLE_PAGES + page) * PAGE_SIZE
}

/**
 * Makes a page table, taking the place of one that was given back, and the domain's directory with the first. Its number,
 * -1 when there are 1024. Throws NO_MEMORY.
 */
export function addVmTable(machine: Machine, domid: number): number {
  const { words } = machine
  const record = machine.record(domid)
  if (words[(record + DOMAIN_VM_DIRECTORY) >> 2] === 0) addDirectory(machine, record)
  const directory = words[(record + DOMAIN_VM_DIRECTORY) >> 2] >> 2
  const tables = words[(record + DOMAIN_VM_TABLES) >> 2]
  let table = 0
  while (table < tables && words[directory + table] !== 0) table++
  if (table === MOST_TABLES) return -1
  Atomics.store(words, directory + table, machine.takePages(1))
  if (table === tables) Atomics.store(words, (record + DOMAIN_VM_TABLES) >> 2, tables + 1)
  return table
}

/** Gives a page table back. */
export function removeVmTable(machine: Machine, domid: number, table: number): void {
  const at = vmTable(machine, domid, table)
  Atomics.store(
    machine.words,
    (machine.words[(machine.record(domid) + DOMAIN_VM_DIRECTORY) >> 2] >> 2) + table,
    0,
  )
  machine.givePages(at, 1)
}

/** Machine byte offset of a page table. */
export function vmTable(machine: Machine, domid: number, table: number): number {
  return machine.words[(machine.words[(machine.record(domid) + DOMAIN_VM_DIRECTORY) >> 2] >> 2) + table]
}

/** Index of the page table entry of an address, as a word of machine memory; -1: it is none of a VM area. */
export function vmEntry(machine: Machine, record: number, low: number, high: number): number {
  const { words } = machine
  const number = low >>> PAGE_SHIFT
  const table = number >>> VM_TABLE_SHIFT
  if (high !== VM_HIGH || (low & (PAGE_SIZE - 1)) !== 0 || table >= words[(record + DOMAIN_VM_TABLES) >> 2])
    return -1
  const at = words[(words[(record + DOMAIN_VM_DIRECTORY) >> 2] >> 2) + table]
  return at === 0 ? -1 : (at >> 2) + (number & (VM_TABLE_PAGES - 1))
}

/** The same for an address in one number. */
export function vmEntryAt(machine: Machine, record: number, address: number): number {
  if (!(address >= 0 && address < 2 ** 52)) return -1
  return vmEntry(machine, record, (address % LOW_WORD) | 0, Math.floor(address / LOW_WORD))
}

/** `change` mappings more of the machine page at `address` for the domain's devices. */
export function changeIommu(machine: Machine, record: number, address: number, change: 1 | -1): void {
  const { oneThread, words } = machine
  addShared(words, (words[(record + DOMAIN_IOMMU) >> 2] >> 2) + (address >>> PAGE_SHIFT), change, oneThread)
}

/** Gives back what the domain's areas have left. */
export function discardVmTables(machine: Machine, domid: number): void {
  const { words } = machine
  const record = machine.record(domid)
  const directory = words[(record + DOMAIN_VM_DIRECTORY) >> 2]
  if (directory === 0) return
  for (let table = 0; table < words[(record + DOMAIN_VM_TABLES) >> 2]; table++)
    if (words[(directory >> 2) + table] !== 0) machine.givePages(words[(directory >> 2) + table], 1)
  machine.givePages(directory, 1)
  machine.givePages(words[(record + DOMAIN_IOMMU) >> 2], iommuPages(machine))
}

function addDirectory(machine: Machine, record: number): void {
  const { words } = machine
  const directory = machine.takePages(1)
  try {
    words[(record + DOMAIN_IOMMU) >> 2] = machine.takePages(iommuPages(machine))
  } catch (error) {
    machine.givePages(directory, 1)
    throw error
  }
  Atomics.store(words, (record + DOMAIN_VM_DIRECTORY) >> 2, directory)
}

/** A word for each page of the machine. */
function iommuPages(machine: Machine): number {
  return Math.ceil((machine.buffer.byteLength >>> PAGE_SHIFT) / (PAGE_SIZE >> 2))
}

/** The machine byte offset of a page of the domain's own; -1: it has no such page. */
export function ownPage(machine: Machine, domid: number, page: number): number {
  const record = machine.record(domid)
  if (!(page >= 0 && page < machine.words[(record + DOMAIN_EXTENT_PAGES) >> 2])) return -1
  return machine.extentOf(domid).base + page * PAGE_SIZE
}

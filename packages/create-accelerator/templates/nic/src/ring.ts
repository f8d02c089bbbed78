import type { View } from '@netaccel/core'
import { SLOTS } from './layout.js'

/**
 * Descriptors of two words each. It reads one word at a time: whoever else can write the page may change the next word
 * meanwhile, so a reader takes each word once, into a local, and checks that (CT-01).
 */
export class Ring {
  readonly capacity = SLOTS
  private readonly view: DataView
  private readonly at: number

  /** The ring begins `offset` bytes into `page`. */
  constructor(page: View, offset: number) {
    this.view = page.view
    this.at = page.offset + offset
  }

  word0(index: number): number {
    return this.view.getInt32(this.at + (index & (SLOTS - 1)) * 8, true)
  }

  word1(index: number): number {
    return this.view.getInt32(this.at + (index & (SLOTS - 1)) * 8 + 4, true)
  }

  write(index: number, word0: number, word1: number): void {
    const at = this.at + (index & (SLOTS - 1)) * 8
    this.view.setInt32(at, word0, true)
    this.view.setInt32(at + 4, word1, true)
  }

  /** What the NIC does when it is done. */
  writeWord1(index: number, word1: number): void {
    this.view.setInt32(this.at + (index & (SLOTS - 1)) * 8 + 4, word1, true)
  }
}

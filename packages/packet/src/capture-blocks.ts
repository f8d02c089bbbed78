const BLOCK = 65536

/** Collects what a capture file is made of and hands it on in blocks of about 64 KiB, each a fresh array. */
export class CaptureBlocks {
  /** The block under work, and a view of it: room for what was reserved begins at what `reserve` returned. */
  bytes = new Uint8Array(BLOCK)
  view = new DataView(this.bytes.buffer)
  private readonly sink: (block: Uint8Array) => void
  private used = 0

  constructor(sink: (block: Uint8Array) => void) {
    this.sink = sink
  }

  /** Room for `length` bytes, all zero. Returns where it begins. */
  reserve(length: number): number {
    if (this.used + length > this.bytes.length) {
      this.flush()
      if (length > this.bytes.length) this.start(length)
    }
    const at = this.used
    this.used = at + length
    return at
  }

  /** Hand everything written so far to the sink. Its errors come out of the call. */
  flush(): void {
    if (this.used === 0) return
    const full = this.bytes.subarray(0, this.used)
    this.start(BLOCK)
    this.sink(full)
  }

  private start(length: number): void {
    this.bytes = new Uint8Array(length < BLOCK ? BLOCK : length)
    this.view = new DataView(this.bytes.buffer)
    this.used = 0
  }
}

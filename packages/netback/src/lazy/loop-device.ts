import { linearise } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'

/**
 * The loop device that stood between netback and the bridge before packets were copied lazily (Linux 2.6.18-xen
 * drivers/xen/netback/loopback.c): it copied every packet, so that nothing behind it ever held a page of a guest. Here for
 * comparing.
 */
export function throughLoop(engine: Engine, frames: readonly Frame[], count: number): void {
  engine.charge('frame', count)
  for (let i = 0; i < count; i++) {
    const { fragments } = frames[i]
    if (fragments === null) continue
    engine.charge('byteCopied', fragments.bytes)
    linearise(frames[i])
  }
}

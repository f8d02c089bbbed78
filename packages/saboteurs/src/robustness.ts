// ER: what a half makes of failing doors and strange hardware.
import { around } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'

export const robustnessSaboteurs: readonly Saboteur[] = [
  {
    rule: 'ER-01',
    title: 'goes on without its channel',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'backend',
        find: 'this.net === void 0 ? this.cannot(',
        put: 'this.net === null ? this.cannot(',
      },
    ],
  },
  {
    rule: 'ER-02',
    title: 'floating reads of a key when it leaves',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      frontendVif(doors) {
        const waitForPeer = async (): Promise<void> => {
          for (let look = 0; look < 100; look += 1) await doors.keys.readPeer('accelstate')
        }
        doors.undo(() => void waitForPeer())
        return doors
      },
    })),
  },
  {
    rule: 'ER-03',
    title: 'throws at an event of an unknown kind',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'frontend',
        find: '  handle(word0, word1) {',
        put: `  handle(word0, word1) {
    let kind = word1 >>> EVENT_KIND_SHIFT & EVENT_KIND_MASK;
    if (kind === 0 || kind > EVENT_CONTROL) throw new Error("an event of kind " + kind);`,
      },
    ],
  },
  {
    rule: 'ER-04',
    title: 'spins until the doorbell is answered',
    of: 'accel-solarflare-sim',
    hangs: true,
    patches: [
      {
        half: 'frontend',
        find: 'this.page.write32(DOORBELL_TX, index);',
        put: 'this.page.write32(DOORBELL_TX, index);\n    for (; index > 300 && this.page.read32(DOORBELL_TX) !== index; ) ;',
      },
    ],
  },
  {
    rule: 'ER-04',
    title: 'waits for the doorbell to be answered, and uses no time of the CPU',
    of: 'accel-solarflare-sim',
    hangs: true,
    patches: [
      {
        half: 'frontend',
        find: 'this.page.write32(DOORBELL_TX, index);',
        put: 'this.page.write32(DOORBELL_TX, index);\n    if (index > 300) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
      },
    ],
  },
]

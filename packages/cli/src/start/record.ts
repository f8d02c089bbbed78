import type { World } from '@netaccel/host'
import { PcapSink, RecordedDevice, type TapSet } from '@netaccel/ports'
import { EXIT_OK } from '../errors.js'
import { KernelTraffic } from '../kernel/kernel-traffic.js'
import type { Output } from './table.js'
import { GUESTS } from './world.js'

/** Of the TCP load each way, so that a capture of less than a megabyte covers some tenths of a second. */
const BITRATE = '8M'
const MOST_BYTES = 950_000
const STEP_NS = 5_000_000
const LONGEST_NS = 5_000_000_000

/** Record what the first guest sends and receives over the slow path, as a wire would carry it. */
export async function recordCapture(
  world: World,
  set: TapSet,
  own: readonly string[],
  path: string,
  output: Output,
): Promise<number> {
  const sink = new PcapSink({ path, engine: world.vif(GUESTS[0].path).engine, mostBytes: MOST_BYTES })
  const traffic = await world.drive(
    KernelTraffic.open(world, set, {
      own,
      bitrate: BITRATE,
      between: (name, device) => (name === GUESTS[0].path ? new RecordedDevice(device, sink) : device),
    }),
  )
  try {
    await world.drive(traffic.start())
    for (let ns = 0; ns < LONGEST_NS && !sink.full; ns += STEP_NS) await world.run({ for: STEP_NS })
    await world.drive(traffic.stopSenders())
  } finally {
    await world.drive(traffic.close())
    sink.close()
  }
  output.line(`recorded ${sink.records} frames to ${path}`)
  return EXIT_OK
}

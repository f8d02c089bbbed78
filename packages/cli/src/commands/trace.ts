import { resolve } from 'node:path'
import { frameLine, type FrameWay, type TraceResult } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { untilInterrupted } from '../client/until-interrupted.js'
import { type CommandSpec, HOST_OPTIONS, isSet, numberOption, textOption } from '../command.js'
import { EXIT_OK } from '../errors.js'

export const trace: CommandSpec = {
  usage: 'trace',
  says: 'The stages of each frame on its way (docs/packet-way.md), one line a frame, until Ctrl-C',
  options: [
    ...HOST_OPTIONS,
    ['--flow <text>', 'Only flows whose text contains this, such as 10.0.0.1:10000'],
    ['--count <n>', 'Frames after which it ends'],
    ['--pcap <dir>', 'Write a pcapng file there too: each stage is an interface of it'],
  ],
  example: '  netaccel trace --flow 10.0.0.1 --count 20 --pcap captures',
  run: (given) =>
    withHost(given, async (client) => {
      const json = isSet(given, 'json')
      const flow = textOption(given, 'flow')
      const count = numberOption(given, 'count', 1, 1e9)
      const pcap = textOption(given, 'pcap')
      const request = {
        ...(flow === undefined ? {} : { flow }),
        ...(count === undefined ? {} : { count }),
        ...(pcap === undefined ? {} : { pcap: resolve(pcap) }),
      }
      const stream = client.ask<TraceResult>('trace', request, (item) =>
        console.log(json ? JSON.stringify(item) : frameLine(item as FrameWay)),
      )
      const result = await untilInterrupted(stream)
      for (const line of ending(result)) console.error(line)
      return EXIT_OK
    }),
}

function ending({ frames, missed, pcap }: TraceResult): string[] {
  return [
    `${frames} frames${missed > 0 ? `; ${missed} more were left out, since they came faster than they were read` : ''}`,
    ...(pcap === null
      ? []
      : [
          `${pcap.file}: ${pcap.records} frames at stages${pcap.cut ? '; it was ended before the trace' : ''}`,
        ]),
  ]
}

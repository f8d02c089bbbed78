import type { CommandSpec } from '../command.js'
import { startOptions } from '../start/options.js'

export const start: CommandSpec = {
  usage: 'start',
  says: 'Real kernel TCP through two hosts; an accelerator is loaded, unloaded and loaded again',
  options: [
    ['--phase-seconds <n>', 'Length of each phase, slow or fast', { default: 5 }],
    [
      '--cycles <n>',
      'Times that the accelerator is loaded: one slow and one fast phase each',
      { default: 2 },
    ],
    ['--seed <n>', 'Seed of every chance in the run', { default: 1 }],
    ['--replay', 'Replay the bundled capture in virtual time instead of using the kernel'],
    ['--out <dir>', 'Where report.json and report.html go', { default: '.' }],
    ['--record <file>', 'Record a capture of at most 1 MB to this file instead'],
  ],
  example: '  netaccel start --phase-seconds 2 --out /tmp/report',
  run: async ({ options }) => {
    const work = await import('../start/outside.js')
    return work.start(startOptions(options))
  },
}

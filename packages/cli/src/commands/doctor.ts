import { type CommandSpec, isSet } from '../command.js'
import { EXIT_OK } from '../errors.js'
import { examine } from '../machine.js'

export const doctor: CommandSpec = {
  usage: 'doctor',
  says: 'What this machine lacks, and what is not available without it',
  example: '  netaccel doctor',
  run: async (given) => {
    const findings = await examine()
    if (isSet(given, 'json')) console.log(JSON.stringify(findings))
    else
      for (const { name, ok, found, without } of findings) {
        console.log(`${ok ? 'ok     ' : 'missing'}  ${name.padEnd(13)} ${found}`)
        if (!ok) console.log(`         not available: ${without}`)
      }
    // Also when something is missing: nothing of it is needed for the rest.
    return EXIT_OK
  },
}

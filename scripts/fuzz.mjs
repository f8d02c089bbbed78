// npm run fuzz: the files *.fuzz.test.ts, round after round with a new seed, until one fails or Ctrl-C.
//
//   npm run fuzz -- --seed 7         begin with this seed
//   npm run fuzz -- --rounds 10      stop after ten rounds
//   npm run fuzz -- packages/xen     only these files; what is left of the arguments goes to vitest
import { randomInt } from 'node:crypto'
import { filesUnder, root } from './packages.mjs'
import { readArgs, runNode, setup, vitest } from './setup.mjs'
import { join } from 'node:path'

const { install, args } = readArgs()

function takeNumber(name, otherwise) {
  const at = args.indexOf(name)
  if (at < 0) return otherwise
  const [, value] = args.splice(at, 2)
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= 0) return number
  console.error(`fuzz: ${name} needs a whole number of 0 or more, not ${value ?? 'nothing'}`)
  process.exit(1)
}

const firstSeed = takeNumber('--seed', randomInt(2 ** 31))
const rounds = takeNumber('--rounds', Number.POSITIVE_INFINITY)
if (!filesUnder(join(root, 'packages')).some((file) => file.endsWith('.fuzz.test.ts'))) {
  console.error('fuzz: no package has a file *.fuzz.test.ts')
  process.exit(1)
}
setup('soak', { install })
const filters = args.length > 0 ? args : ['.fuzz.test.ts']
for (let round = 0; round < rounds; round++) {
  const seed = firstSeed + round
  console.log(`fuzz: round ${round + 1}, seed ${seed}`)
  const env = { NETACCEL_TIER: 'soak', NETACCEL_SEED: String(seed) }
  const code = await runNode(vitest, ['run', ...filters], env)
  if (code === 0) continue
  if (code !== 130)
    console.error(`fuzz: seed ${seed} failed; again with: npm run fuzz -- --seed ${seed} --rounds 1`)
  process.exitCode = code
  break
}

// npm run soak: the same tests with full counts (NETACCEL_TIER=soak). Arguments go to vitest.
import { readArgs, runNode, setup, vitest } from './setup.mjs'

const { install, args } = readArgs()
setup('soak', { install })
process.exitCode = await runNode(vitest, ['run', ...args], { NETACCEL_TIER: 'soak' })

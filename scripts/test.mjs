// npm test: every test, after installing and building what is missing. Arguments go to vitest: npm test -- packages/xen
import { readArgs, runNode, setup, vitest } from './setup.mjs'

const { install, args } = readArgs()
setup('test', { install })
process.exitCode = await runNode(vitest, ['run', ...args])

// npm start: the main job, after installing and building what is missing. Arguments go to `netaccel start`.
import { join } from 'node:path'
import { root } from './packages.mjs'
import { readArgs, runNode, setup } from './setup.mjs'

const { install, args } = readArgs()
setup('start', { install })
process.exitCode = await runNode(join(root, 'packages/cli/dist/bin.js'), ['start', ...args])

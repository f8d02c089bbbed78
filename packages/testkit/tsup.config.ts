import { library } from '../../scripts/tsup-preset.mjs'

export default library({ index: 'src/index.ts', worker: 'src/run/worker.ts' })

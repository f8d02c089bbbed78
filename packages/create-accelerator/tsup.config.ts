import { library } from '../../scripts/tsup-preset.mjs'

export default library({ index: 'src/index.ts', bin: 'src/bin.ts' })

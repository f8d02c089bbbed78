// @netaccel/create-accelerator: a new accelerator plugin from a template, offline. The command is `bin.ts`.
export { type Answers, type Kind, KINDS, type License, LICENSES } from './answers.js'
export { createAccelerator, type Created } from './create.js'
export { CREATE_CODES, type CreateCode, CreateError } from './errors.js'

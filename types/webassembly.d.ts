// The part of the WebAssembly JavaScript API that is used here. TypeScript declares it in its browser libraries only,
// and those would let code name `window` or `fetch` handlers that do not exist under Node.

declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number
    maximum?: number
    shared?: boolean
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor)
    readonly buffer: ArrayBuffer | SharedArrayBuffer
    grow(delta: number): number
  }

  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer)
  }

  type ExportValue = Function | Memory
  type ImportValue = Function | Memory | number
  type Exports = Record<string, ExportValue>
  type Imports = Record<string, Record<string, ImportValue>>

  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Exports
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function validate(bytes: ArrayBufferView | ArrayBuffer): boolean
}

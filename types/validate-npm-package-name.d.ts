// The package has no types of its own.
declare module 'validate-npm-package-name' {
  interface Validity {
    readonly validForNewPackages: boolean
    readonly validForOldPackages: boolean
    /** Sentences without a full stop, in lower case. */
    readonly errors?: readonly string[]
    readonly warnings?: readonly string[]
  }
  /** The rules of npm for the name of a package. */
  export default function validate(name: string): Validity
}

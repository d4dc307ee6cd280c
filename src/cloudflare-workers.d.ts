// What is used of the module that only the Workers runtime has. The types that Cloudflare publishes are not those of a program
// that runs on Node, too.

declare module 'cloudflare:workers' {
  /** Its public methods can be called by those who hold a stub of it. */
  export class DurableObject {
    constructor(state: DurableObjectState, env: Record<string, unknown>)
    protected readonly ctx: DurableObjectState
    protected readonly env: Record<string, unknown>
  }
  export type DurableObjectState = {
    /** Ends the object at once, with everything that is under way in it. */
    abort(reason?: string): void
  }
}

import { AsyncLocalStorage } from 'node:async_hooks'
import { registerHooks } from 'node:module'

// The real server, in which what watches it can be switched off and on while it runs: then nothing is counted or timed, and no
// request has a scope. In one process, so that neither the compiler nor the memory makes the difference.

const metrics = /\/dist\/telemetry\/metrics\.js$/
const switchable = new URL('./switchable-metrics.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    return metrics.test(found.url) && context.parentURL !== switchable ? { ...found, url: switchable } : found
  },
})
const { setWatched } = await import('./switchable-metrics.ts')

const { run } = AsyncLocalStorage.prototype
const justDo = (_scope: unknown, work: () => unknown) => work()

process.on('message', (text) => {
  if (text !== 'watched' && text !== 'unwatched') return
  setWatched(text === 'watched')
  Reflect.set(AsyncLocalStorage.prototype, 'run', text === 'watched' ? run : justDo)
})

await import('./gatehouse.ts')

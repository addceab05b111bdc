import { AsyncLocalStorage } from 'node:async_hooks'
import { Counter, Histogram } from 'prom-client'

// The real server, in which what watches it can be switched off and on while it runs: then nothing is counted or timed, and no
// request has a scope. In one process, so that neither the compiler nor the memory makes the difference.

let isWatched = true

/** Has a method do nothing while nobody watches. */
const silence = (target: object, name: string): void => {
  const method = Reflect.get(target, name)
  Reflect.set(target, name, function (this: unknown, ...call: unknown[]) {
    if (isWatched) Reflect.apply(method, this, call)
  })
}

/** The same for what `labels` binds. */
const silenceChildren = (target: object, name: string): void => {
  const labels = Reflect.get(target, 'labels')
  Reflect.set(target, 'labels', function (this: unknown, ...values: unknown[]) {
    const child: object = Reflect.apply(labels, this, values)
    silence(child, name)
    return child
  })
}

for (const [metric, name] of [
  [Histogram, 'observe'],
  [Counter, 'inc'],
] as const) {
  silence(metric.prototype, name)
  silenceChildren(metric.prototype, name)
}

const { run } = AsyncLocalStorage.prototype
Reflect.set(
  AsyncLocalStorage.prototype,
  'run',
  function (this: AsyncLocalStorage<unknown>, store: unknown, work: () => unknown) {
    return isWatched ? Reflect.apply(run, this, [store, work]) : work()
  },
)

process.on('message', (text) => {
  if (text === 'watched' || text === 'unwatched') isWatched = text === 'watched'
})

await import('./gatehouse.ts')

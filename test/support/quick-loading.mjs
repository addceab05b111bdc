import { registerHooks } from 'node:module'

// Node reads a package's package.json for each of its files, and drizzle-orm's has 180 kB for 110 of them: half a second of every
// program that tests start. What its files ask of one another is known without.

const isDrizzle = /\/node_modules\/drizzle-orm\/[^?]*\.js$/

registerHooks({
  resolve: (specifier, context, next) =>
    specifier.startsWith('.') && isDrizzle.test(context.parentURL ?? '')
      ? { url: new URL(specifier, context.parentURL).href, format: 'module', shortCircuit: true }
      : next(specifier, context),
})

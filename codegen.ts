import type { CodegenConfig } from '@graphql-codegen/cli'

/** Typed documents for the tests: what they send is checked against the schema. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'test/**/*.graphql',
  generates: {
    'test/support/documents.generated.ts': {
      plugins: ['typescript-operations', 'typed-document-node'],
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        skipTypename: false,
        scalars: {
          DateTime: 'string',
          EmailAddress: 'string',
          IPAddress: 'string',
          JSONObject: 'Record<string, unknown>',
          ID: 'string',
        },
      },
    },
  },
}

export default config
